import type { ReadyWorker } from './start-worker.ts';

/** Workers that are on their way out. Every kill is held here until the process is gone, so that somebody can wait for it. */
export class WorkerEndings {
  /** An entry leaves when its process is gone; the value is its group. */
  readonly #running = new Map<Promise<void>, string>();

  /** Ends a worker; resolves when its process is gone. */
  end({ child, spec }: ReadyWorker): Promise<void> {
    const done = child.kill().then(() => {}).finally(() => this.#running.delete(done));
    this.#running.set(done, spec.group);
    return done;
  }

  /** Resolves when all that were ended so far are gone, of one group or of all. */
  async settled(group?: string): Promise<void> {
    const wanted = [...this.#running].filter(([, each]) => group === undefined || each === group);
    await Promise.all(wanted.map(([done]) => done));
  }
}
