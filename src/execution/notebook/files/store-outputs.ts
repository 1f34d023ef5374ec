import { LIMITS, SidecarError } from '../../../contracts/index.ts';
import type { CellAnswer, CellRequest } from '../../../contracts/index.ts';
import type { CellOutput } from '../cells/output-types.ts';
import type { NotebookFiles } from '../notebook-contract.ts';
import { parseNotebookBytes, serializeNotebook } from './notebook-document.ts';
import { readNotebookFile } from './notebook-file.ts';
import { updateStoredDisplays } from './stored-displays.ts';
import type { StoredDisplays } from './stored-displays.ts';

const ATTEMPTS = 3;

/** Before a cell runs: its notebook can be read and has the cell. */
export async function checkNotebookCell(files: NotebookFiles, sessionId: string, cell: { path: string; cellId: string | undefined }): Promise<void> {
  const { notebook } = await readNotebookFile(files, sessionId, cell.path);
  if (cell.cellId !== undefined && notebook.cells.some(({ id, cell_type }) => id === cell.cellId && cell_type === 'code')) return;
  throw new SidecarError('VALIDATION_FAILED', 'no such cell', { detail: { en: 'cell_id: no such code cell in this notebook', zh: 'cell_id：笔记本中没有这个代码单元' } });
}

export interface CellResults { request: CellRequest; answer: CellAnswer; outputs: readonly CellOutput[]; displays: StoredDisplays }

/** Brings what a cell has put out into its notebook file, if it named one, and its updates into those of earlier cells. Answers with warnings. */
export async function storeResults(
  files: NotebookFiles, sessionId: string, { request, answer, outputs, displays }: CellResults,
): Promise<string[]> {
  const { notebook_path: path, cell_id: cellId } = request;
  const changed = displays.takeChanged();
  const warning = path === undefined ? null
    : await storeCellOutputs(files, sessionId, { path, cellId, outputs, executionCount: answer.execution_count });
  if (path !== undefined && cellId !== undefined && warning === null) displays.note(outputs, { path, cellId });
  const others = changed.length === 0 ? [] : await updateStoredDisplays(files, sessionId, changed);
  return warning === null ? others : [warning, ...others];
}

/** Puts outputs and counter into the cell of a notebook file. Answers with a warning when the cell is gone meanwhile. */
async function storeCellOutputs(
  files: NotebookFiles, sessionId: string,
  result: { path: string; cellId: string | undefined; outputs: readonly CellOutput[]; executionCount: number | null },
): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    const { bytes, etag } = await files.readRaw(sessionId, result.path);
    const { notebook } = parseNotebookBytes(bytes);
    const cell = notebook.cells.find(({ id }) => id === result.cellId);
    if (cell === undefined || cell.cell_type !== 'code') return 'the cell is no longer in the notebook';
    cell.outputs = [...result.outputs];
    cell.execution_count = result.executionCount;
    try {
      await files.writeBytes(sessionId, result.path, { bytes: serializeNotebook(notebook), ifMatch: etag, maxBytes: LIMITS.notebook_put_bytes });
      return null;
    } catch (error) {
      const wasChanged = error instanceof SidecarError && error.code === 'PRECONDITION_FAILED';
      if (!wasChanged || attempt === ATTEMPTS) throw error; // Somebody else saved it: read it again and put the outputs there.
    }
  }
}
