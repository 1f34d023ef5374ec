import { SidecarError } from '../../contracts/index.ts';
import type { SessionLease } from './engine-contract.ts';

interface Waiter { grant(lease: SessionLease): void; signal: AbortSignal }

/** One lock per session: whoever changes a session holds it. Entries live only while a lock is held. */
export class SessionLocks {
  readonly #waiters = new Map<string, Waiter[]>();

  isHeld(sessionId: string): boolean {
    return this.#waiters.has(sessionId);
  }

  /** Takes the lock at once, or refuses with SESSION_BUSY. */
  take(sessionId: string): SessionLease {
    if (this.#waiters.has(sessionId)) throw new SidecarError('SESSION_BUSY', 'the session is locked');
    this.#waiters.set(sessionId, []);
    return this.#lease(sessionId);
  }

  /** Waits for the lock in order of arrival, at most `waitMs`, else refuses with SESSION_BUSY. */
  async takeWithin(sessionId: string, waitMs: number, signal: AbortSignal): Promise<SessionLease> {
    const waiting = this.#waiters.get(sessionId);
    if (waiting === undefined) return this.take(sessionId);
    if (signal.aborted) throw new SidecarError('SESSION_BUSY', 'nobody waits for the session any more');
    const bound = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
    return await new Promise<SessionLease>((resolve, reject) => {
      const refuse = (): void => {
        const index = waiting.indexOf(waiter);
        if (index >= 0) waiting.splice(index, 1);
        reject(new SidecarError('SESSION_BUSY', 'the session stayed locked'));
      };
      const waiter: Waiter = {
        signal: bound,
        grant: (lease) => {
          bound.removeEventListener('abort', refuse);
          resolve(lease);
        },
      };
      bound.addEventListener('abort', refuse, { once: true });
      waiting.push(waiter);
    });
  }

  #lease(sessionId: string): SessionLease {
    let held = true;
    return {
      sessionId,
      [Symbol.dispose]: () => {
        if (!held) return;
        held = false;
        const next = this.#waiters.get(sessionId)?.shift();
        if (next === undefined) this.#waiters.delete(sessionId);
        else next.grant(this.#lease(sessionId));
      },
    };
  }
}
