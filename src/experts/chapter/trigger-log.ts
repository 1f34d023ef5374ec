import type { Clock } from '../../config/index.ts';
import type { Store } from '../../store/index.ts';
import type { FiredTrigger } from './triggers.ts';

const EVENT = 'consultation_triggered';
const LOOKED_AT = 2000;
const KEPT = 256;

/** Which causes have fired: those of committed turns, as system events. A cause of a turn that failed may fire again. */
export class TriggerLog {
  private readonly deps: { store: Store; clock: Clock };
  /** Triggers of turns that are running; replaced by the session's next turn, the oldest leaves when there are too many. */
  private readonly proposed = new Map<string, FiredTrigger>();

  constructor(deps: { store: Store; clock: Clock }) {
    this.deps = deps;
  }

  lookup(sessionId: string): (cause: string) => boolean {
    const fired = new Set(this.deps.store.systemEvents.list(sessionId, LOOKED_AT)
      .filter(({ event_type: type }) => type === EVENT).map(({ details }) => details['cause']));
    return (cause) => fired.has(cause);
  }

  /** Notes the trigger that fires in the running turn; null when there is none. */
  propose(sessionId: string, fired: FiredTrigger | null): void {
    this.proposed.delete(sessionId);
    if (fired === null) return;
    this.proposed.set(sessionId, fired);
    for (const oldest of this.proposed.keys()) if (this.proposed.size > KEPT) this.proposed.delete(oldest);
  }

  /** The trigger that fired in the session's running turn. */
  pending(sessionId: string): FiredTrigger | null {
    return this.proposed.get(sessionId) ?? null;
  }

  /** Inside the commit: what the turn's trigger fired for is settled. */
  commit(turnId: string): void {
    const turn = this.deps.store.turns.get(turnId);
    const cause = turn === null || turn.kind !== 'student' ? undefined : this.proposed.get(turn.session_id)?.cause;
    if (turn === null || cause === undefined) return;
    this.deps.store.systemEvents.insert({
      session_id: turn.session_id, timestamp: this.deps.clock.now().toISOString(), event_type: EVENT, message: '', details: { cause, turn_id: turnId },
    });
  }
}
