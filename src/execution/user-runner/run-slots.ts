import { SidecarError } from '../../contracts/index.ts';

export interface SlotLimits { perSession: number; total: number; queuedPerSession: number }

/** A place in the queue. `granted` resolves with the slot, or rejects with the signal's reason when the wait was given up. */
export interface SlotTicket {
  readonly granted: Promise<Disposable>;
  /** 1 = next of its session; 0 = not waiting. */
  position(): number;
  /** Tells each new position from now on, until the slot is there or the wait was given up. */
  onMove(listener: (position: number) => void): void;
}

interface Waiter { grant(): void; give(slot: Disposable): void; move(position: number): void }
interface SessionQueue { active: number; waiting: Waiter[]; grantedAt: number }

/** Slots of the user lane: few per session and in all, first come first served in a session, fair over sessions. */
export class RunSlots {
  readonly #limits: SlotLimits;
  /** An entry lives while its session runs or waits. */
  readonly #sessions = new Map<string, SessionQueue>();
  #active = 0;
  #grants = 0;

  constructor(limits: SlotLimits) {
    this.#limits = limits;
  }

  /** Queues for a slot. Throws QUEUE_FULL at once when too many of the session wait. */
  ask(sessionId: string, signal: AbortSignal): SlotTicket {
    const queue = this.#sessions.get(sessionId) ?? { active: 0, waiting: [], grantedAt: 0 };
    if (queue.waiting.length >= this.#limits.queuedPerSession) {
      throw new SidecarError('QUEUE_FULL', 'too many runs of the session wait', { retryAfterSeconds: 5 });
    }
    this.#sessions.set(sessionId, queue);
    const turn = Promise.withResolvers<Disposable>();
    const leave = (): void => {
      const place = queue.waiting.indexOf(waiter);
      queue.waiting.splice(place, 1);
      tellMoved(queue, place);
      this.#forget(sessionId, queue);
      turn.reject(signal.reason);
    };
    const waiter: Waiter = {
      grant: () => signal.removeEventListener('abort', leave),
      give: (slot) => turn.resolve(slot),
      move: () => {},
    };
    queue.waiting.push(waiter);
    if (signal.aborted) leave();
    else signal.addEventListener('abort', leave, { once: true });
    this.#grant();
    return {
      granted: turn.promise, position: () => queue.waiting.indexOf(waiter) + 1,
      onMove: (listener) => { waiter.move = listener; },
    };
  }

  counts(): { running: number; queued: number } {
    return { running: this.#active, queued: [...this.#sessions.values()].reduce((sum, queue) => sum + queue.waiting.length, 0) };
  }

  #grant(): void {
    while (this.#active < this.#limits.total) {
      const [next] = [...this.#sessions].filter(([, queue]) => queue.waiting.length > 0 && queue.active < this.#limits.perSession)
        .sort(([, left], [, right]) => left.active - right.active || left.grantedAt - right.grantedAt);
      if (next === undefined) return;
      const [sessionId, queue] = next;
      const waiter = queue.waiting.shift();
      this.#grants += 1;
      this.#active += 1;
      queue.active += 1;
      queue.grantedAt = this.#grants;
      waiter?.grant();
      waiter?.give(this.#slot(sessionId, queue));
      tellMoved(queue, 0);
    }
  }

  #slot(sessionId: string, queue: SessionQueue): Disposable {
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#active -= 1;
        queue.active -= 1;
        this.#forget(sessionId, queue);
        this.#grant();
      },
    };
  }

  #forget(sessionId: string, queue: SessionQueue): void {
    if (queue.active === 0 && queue.waiting.length === 0) this.#sessions.delete(sessionId);
  }
}

/** Those that waited behind a place have moved up. */
function tellMoved(queue: SessionQueue, from: number): void {
  queue.waiting.slice(from).forEach((waiter, index) => waiter.move(from + index + 1));
}
