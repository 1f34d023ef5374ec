import { LIMITS, SidecarError } from '../../../contracts/index.ts';
import type { CellOutput, RichOutput } from '../cells/output-types.ts';
import type { JsonObject } from '../connection/jupyter-message.ts';
import type { NotebookFiles } from '../notebook-contract.ts';
import { outputAsRead, parseNotebookBytes, serializeNotebook, sameJson } from './notebook-document.ts';
import type { Notebook } from './notebook-document.ts';

const ATTEMPTS = 3;

/** Where a display was stored, and how it read there. */
interface Place { path: string; cellId: string; asStored: JsonObject }

/** A stored display that a later cell has changed. */
export interface ChangedDisplay extends Place { output: RichOutput }

/** Remembers which displays lie in notebook files, so that an update in a later cell reaches them there. */
export class StoredDisplays {
  readonly #places = new WeakMap<RichOutput, Place>();
  readonly #changed = new Set<RichOutput>(); // left by `takeChanged`, after every cell

  /** These outputs now lie in this cell of this file. */
  note(outputs: readonly CellOutput[], { path, cellId }: { path: string; cellId: string }): void {
    for (const output of outputs) {
      if (isRich(output)) this.#places.set(output, { path, cellId, asStored: outputAsRead(output) });
    }
  }

  changed(output: RichOutput): void {
    if (this.#places.has(output)) this.#changed.add(output);
  }

  takeChanged(): ChangedDisplay[] {
    const changed = [...this.#changed].flatMap((output) => {
      const place = this.#places.get(output);
      if (place === undefined) return [];
      this.#places.set(output, { ...place, asStored: outputAsRead(output) });
      return [{ ...place, output }];
    });
    this.#changed.clear();
    return changed;
  }
}

/** Brings changed displays into their file. What somebody else has changed there is left alone. Throws what reading and writing throw. */
export async function updateStoredDisplays(
  files: NotebookFiles, sessionId: string, { path, changed }: { path: string; changed: readonly ChangedDisplay[] },
): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const { bytes, etag } = await files.readRaw(sessionId, path);
    const { notebook } = parseNotebookBytes(bytes);
    const replaced = changed.filter((display) => replaceIn(notebook, display));
    if (replaced.length === 0) return;
    try {
      await files.writeBytes(sessionId, path, { bytes: serializeNotebook(notebook), ifMatch: etag, maxBytes: LIMITS.notebook_put_bytes });
      return;
    } catch (error) {
      const wasChanged = error instanceof SidecarError && error.code === 'PRECONDITION_FAILED';
      if (!wasChanged || attempt === ATTEMPTS) throw error;
    }
  }
}

function replaceIn({ cells }: Notebook, { cellId, asStored, output }: ChangedDisplay): boolean {
  const found = cells.find(({ id }) => id === cellId)?.outputs?.find((each) => sameJson(each, asStored));
  if (found === undefined) return false;
  Object.assign(found, { data: output.data, metadata: output.metadata });
  return true;
}

const isRich = (output: CellOutput): output is RichOutput => output.output_type === 'display_data' || output.output_type === 'execute_result';
