/** A bounded number of consultations at once: one for each session, a few for the process. Waiting ends with the signal. */
export class Slots {
  private readonly most: number;
  private readonly busy = new Set<string>();
  private readonly waiting: { sessionId: string; enter: () => void }[] = [];

  constructor(most: number) {
    this.most = most;
  }

  /** Resolves with the place once there is one; disposing gives it back. Rejects with the signal's reason. */
  async enter(sessionId: string, signal: AbortSignal): Promise<Disposable> {
    signal.throwIfAborted();
    if (!this.isFree(sessionId)) await this.wait(sessionId, signal);
    else this.busy.add(sessionId);
    return { [Symbol.dispose]: () => this.leave(sessionId) };
  }

  private isFree(sessionId: string): boolean {
    return this.busy.size < this.most && !this.busy.has(sessionId);
  }

  private async wait(sessionId: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { sessionId, enter: resolve };
    const stop = (): void => {
      this.waiting.splice(this.waiting.indexOf(waiter), 1);
      reject(signal.reason);
    };
    this.waiting.push(waiter);
    signal.addEventListener('abort', stop, { once: true });
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private leave(sessionId: string): void {
    this.busy.delete(sessionId);
    const next = this.waiting.findIndex((waiter) => this.isFree(waiter.sessionId));
    const [waiter] = next < 0 ? [] : this.waiting.splice(next, 1);
    if (waiter === undefined) return;
    this.busy.add(waiter.sessionId);
    waiter.enter();
  }
}
