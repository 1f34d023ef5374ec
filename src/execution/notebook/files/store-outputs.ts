import { LIMITS, SidecarError, describeError } from '../../../contracts/index.ts';
import type { CellAnswer, CellRequest, Language } from '../../../contracts/index.ts';
import type { Log } from '../../../config/index.ts';
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

export interface CellResults { request: CellRequest; answer: CellAnswer; outputs: readonly CellOutput[]; displays: StoredDisplays; language: Language }

const TEXTS = {
  cellGone: { en: 'the cell is no longer in the notebook', zh: '笔记本中已经没有这个代码单元' },
  notStored: { en: (path: string, why: string) => `the outputs were not stored in ${path}: ${why}`, zh: (path: string, why: string) => `输出没有存入 ${path}：${why}` },
} as const;

/**
 * Brings what a cell has put out into its notebook file, if it named one, and its updates into those of earlier cells. The cell has run,
 * so nothing fails here any more: what could not be stored is told in warnings.
 */
export async function storeResults(tools: { files: NotebookFiles; log: Log }, sessionId: string, results: CellResults): Promise<string[]> {
  const { request: { notebook_path: path, cell_id: cellId }, answer, outputs, displays, language } = results;
  const changed = displays.takeChanged();
  const warnings: string[] = [];
  const attempt = async (named: string, work: () => Promise<string[]>): Promise<void> => {
    warnings.push(...await work().catch((error: unknown) => [TEXTS.notStored[language](named, reasonOf(error, { log: tools.log, language }))]));
  };
  if (path !== undefined) {
    await attempt(path, async () => {
      const isThere = await storeCellOutputs(tools.files, sessionId, { path, cellId, outputs, executionCount: answer.execution_count });
      if (isThere && cellId !== undefined) displays.note(outputs, { path, cellId });
      return isThere ? [] : [TEXTS.cellGone[language]];
    });
  }
  for (const other of new Set(changed.map((each) => each.path))) {
    await attempt(other, async () => {
      await updateStoredDisplays(tools.files, sessionId, { path: other, changed: changed.filter((each) => each.path === other) });
      return [];
    });
  }
  return warnings;
}

function reasonOf(error: unknown, { log, language }: { log: Log; language: Language }): string {
  if (error instanceof SidecarError) return describeError(error, language);
  log.error({ err: error }, 'outputs could not be stored');
  return describeError(new SidecarError('INTERNAL', 'outputs could not be stored'), language);
}

/** Puts outputs and counter into the cell of a notebook file. False = the cell is gone meanwhile. */
async function storeCellOutputs(
  files: NotebookFiles, sessionId: string,
  result: { path: string; cellId: string | undefined; outputs: readonly CellOutput[]; executionCount: number | null },
): Promise<boolean> {
  for (let attempt = 1; ; attempt += 1) {
    const { bytes, etag } = await files.readRaw(sessionId, result.path);
    const { notebook } = parseNotebookBytes(bytes);
    const cell = notebook.cells.find(({ id }) => id === result.cellId);
    if (cell === undefined || cell.cell_type !== 'code') return false;
    cell.outputs = [...result.outputs];
    cell.execution_count = result.executionCount;
    try {
      await files.writeBytes(sessionId, result.path, { bytes: serializeNotebook(notebook), ifMatch: etag, maxBytes: LIMITS.notebook_put_bytes });
      return true;
    } catch (error) {
      const wasChanged = error instanceof SidecarError && error.code === 'PRECONDITION_FAILED';
      if (!wasChanged || attempt === ATTEMPTS) throw error; // Somebody else saved it: read it again and put the outputs there.
    }
  }
}
