export { createNotebooks } from './create-notebooks.ts';
export type { CellFrames, NotebookFiles, NotebookFolders, NotebookStatus, Notebooks, NotebooksDeps, CursorRequest } from './notebook-contract.ts';
export type { ClientChannel, ClientSink, JupyterKernels, KernelModel } from './kernels/jupyter-kernels.ts';
export { readHeader, type JsonObject, type JupyterMessage } from './connection/jupyter-message.ts';
export { CHANNELS, type Channel } from './connection/frame-codec.ts';
export { parseNotebook, serializeNotebook, type Notebook, type NotebookCell } from './files/notebook-document.ts';
export { readNotebookFile, writeNotebookFile } from './files/notebook-file.ts';
