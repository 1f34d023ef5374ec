import { statSync } from 'node:fs';
import type { Clock } from '../../../config/index.ts';
import type { Store } from '../../../store/index.ts';
import { copyDatasets } from '../../worker/index.ts';
import type { DatasetFolders } from '../../worker/index.ts';

/** A folder that changed this shortly before it was read may change once more under the same time stamp. */
const SETTLED_MS = 2_000;

/** Brings uploads and datasets into workspaces before cells run, and looks again only when one of the folders has changed. */
export class DatasetCopies {
  readonly #tools: { store: Store; clock: Clock };
  readonly #seen = new Map<string, string>(); // by session; left by forget

  constructor(tools: { store: Store; clock: Clock }) {
    this.#tools = tools;
  }

  async bring(folders: DatasetFolders): Promise<void> {
    const stamp = this.#stampOf(folders);
    if (stamp !== null && stamp === this.#seen.get(folders.sessionId)) return;
    await copyDatasets(this.#tools, folders);
    if (stamp === null) this.#seen.delete(folders.sessionId);
    else this.#seen.set(folders.sessionId, stamp);
  }

  forget(sessionId: string): void {
    this.#seen.delete(sessionId);
  }

  /** Null when the folders changed too lately to tell one state from the next. */
  #stampOf({ uploads, workspace }: DatasetFolders): string | null {
    const times = [uploads, workspace].map((folder) => statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0);
    return Math.max(...times) > this.#tools.clock.now().getTime() - SETTLED_MS ? null : times.join(' ');
  }
}
