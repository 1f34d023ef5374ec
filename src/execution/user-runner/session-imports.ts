import type { Store } from '../../store/index.ts';
import { importedModules, walkFolder } from '../worker/index.ts';

const KEPT_RUNS = 20;
const KEPT_SESSIONS = 200;
const STARTER_FILES = 20;
const STARTER_BYTES = 64 * 1024;

/** Which modules the last programs of each session import, so that the next worker has them. */
export class SessionImports {
  /** The least recently used session leaves first. */
  readonly #runs = new Map<string, string[][]>();
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  add(sessionId: string, code: string): void {
    const runs = [...this.#of(sessionId), importedModules(code)].slice(-KEPT_RUNS);
    this.#runs.delete(sessionId);
    this.#runs.set(sessionId, runs);
    const [oldest] = this.#runs.keys();
    if (this.#runs.size > KEPT_SESSIONS && oldest !== undefined) this.#runs.delete(oldest);
  }

  of(sessionId: string): Set<string> {
    return new Set(this.#of(sessionId).flat());
  }

  /** Looks at the programs that lie in the workspace already; `read` is the one way to a file of a workspace. */
  async addStarterFiles(sessionId: string, workspace: string, read: (name: string) => Promise<Uint8Array>): Promise<void> {
    const scripts = [...(await walkFolder(workspace)).values()].filter(({ name, size }) => name.endsWith('.py') && size <= STARTER_BYTES);
    for (const { name } of scripts.slice(0, STARTER_FILES)) {
      const bytes = await read(name).catch(() => null); // Gone, or nothing that the resolver opens.
      if (bytes !== null) this.add(sessionId, Buffer.from(bytes).toString('utf8'));
    }
  }

  forget(sessionId: string): void {
    this.#runs.delete(sessionId);
  }

  #of(sessionId: string): string[][] {
    const known = this.#runs.get(sessionId);
    if (known !== undefined) return known;
    const rows = this.#store.executions.list(sessionId, { lane: 'user', limit: KEPT_RUNS });
    return rows.map(({ execution_id }) => importedModules(this.#store.executions.get(execution_id)?.code ?? ''));
  }
}
