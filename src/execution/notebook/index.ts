export { createNotebooks } from './create-notebooks.ts';
export type { CellFrames, NotebookFiles, NotebookFolders, NotebookStatus, Notebooks, NotebooksDeps, CursorRequest } from './notebook-contract.ts';
export type { ClientChannel, ClientSink, JupyterKernels, KernelModel } from './kernels/jupyter-kernels.ts';
export { type JsonObject, type JupyterMessage } from './connection/jupyter-message.ts';
export { parseNotebook, serializeNotebook, type Notebook, type NotebookCell } from './files/notebook-document.ts';
export { readNotebookFile, writeNotebookFile } from './files/notebook-file.ts';
export { V1_PROTOCOL, WireError, decodeV1, encodeV1 } from './connection/wire-v1.ts';
export { decodeDefault, encodeDefault } from './connection/wire-default.ts';
