import type { Clock } from '../../config/index.ts';
import type { Store, TurnRow } from '../../store/index.ts';
import { isRecord } from '../../content/index.ts';
import type { FiredTrigger, OpenUpload } from './triggers.ts';

const EVENT = 'consultation_triggered';
const LOOKED_AT = 2000;
const KEPT = 256;
const WAITING = 64;

/** What triggers found in the running turn of a session. */
interface Proposal { fired: FiredTrigger; open: readonly OpenUpload[]; asked: Set<string> }

/** A question that was passed on, and the file it names. */
export interface AskedQuestion { expertId: string; outputType: string; fileName: string | null }

/**
 * Which causes have fired, and which files still wait for their turn: those of committed turns, as system events. A cause of a turn that
 * failed may fire again.
 */
export class TriggerLog {
  private readonly deps: { store: Store; clock: Clock };
  /** Triggers of turns that are running; replaced by the session's next turn, the oldest leaves when there are too many. */
  private readonly proposed = new Map<string, Proposal>();

  constructor(deps: { store: Store; clock: Clock }) {
    this.deps = deps;
  }

  /** Whether a cause has fired, and the names of uploads that an earlier turn left to a later one. */
  lookup(sessionId: string): { hasFired: (cause: string) => boolean; waiting: string[] } {
    const events = this.deps.store.systemEvents.list(sessionId, LOOKED_AT).filter(({ event_type: type }) => type === EVENT);
    const fired = new Set(events.map(({ details }) => details['cause']));
    const waiting = events.at(-1)?.details['waiting'];
    return {
      hasFired: (cause) => fired.has(cause),
      waiting: Array.isArray(waiting) ? waiting.filter((name) => typeof name === 'string') : [],
    };
  }

  /** Notes the trigger that fires in the running turn and the uploads that none has asked about; null when none fires. */
  propose(sessionId: string, fired: FiredTrigger | null, open: readonly OpenUpload[]): void {
    this.proposed.delete(sessionId);
    if (fired === null) return;
    this.proposed.set(sessionId, { fired, open, asked: new Set() });
    for (const oldest of this.proposed.keys()) if (this.proposed.size > KEPT) this.proposed.delete(oldest);
  }

  /** The trigger that fired in the session's running turn. */
  pending(sessionId: string): FiredTrigger | null {
    return this.proposed.get(sessionId)?.fired ?? null;
  }

  /** Notes what the running turn really asks: the planner may have chosen another file than the trigger. */
  noteAsked(sessionId: string, { expertId, outputType, fileName }: AskedQuestion): void {
    const proposal = this.proposed.get(sessionId);
    for (const { trigger, cause, fileName: own } of proposal?.open ?? []) {
      if (own === fileName && trigger.expert_id === expertId && trigger.output_type === outputType) proposal?.asked.add(cause);
    }
  }

  /** Inside the commit: what the turn asked about is settled, every other upload waits for the next turn. */
  commit(turnId: string): void {
    const turn = this.deps.store.turns.get(turnId);
    const proposal = turn === null || turn.kind !== 'student' ? undefined : this.proposed.get(turn.session_id);
    if (turn === null || proposal === undefined) return;
    const settled = settledCauses(turn, proposal);
    const left = proposal.open.filter(({ cause }) => !settled.includes(cause)).map(({ fileName }) => fileName);
    const waiting = [...new Set(left)].slice(0, WAITING).toReversed(); // Oldest first, as uploads are.
    for (const cause of settled.length === 0 ? [null] : settled) {
      this.deps.store.systemEvents.insert({
        session_id: turn.session_id, timestamp: this.deps.clock.now().toISOString(), event_type: EVENT, message: '',
        details: { ...(cause === null ? {} : { cause }), waiting, turn_id: turnId },
      });
    }
  }
}

/** A skip runs no planner, so nothing was asked. A planner that asked about another upload leaves the trigger's own file waiting. */
function settledCauses({ decision }: TurnRow, { fired, asked }: Proposal): string[] {
  if (isRecord(decision) && decision['route'] === 'skip') return [];
  return fired.fileName === null || asked.size === 0 ? [...new Set([fired.cause, ...asked])] : [...asked];
}
