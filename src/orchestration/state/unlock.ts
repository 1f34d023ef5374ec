import * as z from 'zod';
import type { InstructionPacket, Judgement, SessionState, TurnKind } from '../../contracts/index.ts';
import { foldText } from './fold-text.ts';
import { extOf } from './task-states.ts';

/** Why the planner or a skip runs before the answer, in the order of precedence. */
export const UNLOCK_REASONS = ['skip', 'consult', 'checkpoint', 'dataset', 'attempts', 'retry', 'new_blocker', 'sentiment'] as const;
export const UnlockReasonSchema = z.enum(UNLOCK_REASONS);
export type UnlockReason = z.infer<typeof UnlockReasonSchema>;

/** Whether and where the turn leaves the locked path; stored with the turn. */
export const UnlockDecisionSchema = z.object({
  unlock: z.boolean(),
  route: z.enum(['skip', 'plan']).nullable(),
  reasons: z.array(UnlockReasonSchema),
  /** `none`: the packet adds no gate; `open`: its condition is met in this turn. */
  gate: z.enum(['none', 'closed', 'open']),
});
export type UnlockDecision = z.infer<typeof UnlockDecisionSchema>;

/** What the engine knows about this turn besides judgement, packet and state. */
export interface UnlockFacts {
  message: string;
  /** Files that are new since the last committed turn; only learner uploads count. */
  newFiles: readonly { name: string; origin: 'bundle' | 'user' | 'upload' | 'expert' }[];
  /** Code of the runs since the last committed turn. */
  runCode: readonly string[];
  /** File names of the datasets that came with the chapter. */
  datasets: readonly string[];
  /** A trigger of the chapter fires in this turn. */
  triggerFired: boolean;
  /** An expert is available in the chapter and can run. */
  expertUsable: boolean;
  /** Committed learner turns after the last successful plan, or since the start (`learnerTurnsSince`). */
  learnerTurnsSincePlan: number;
}

const COOL_DOWN_TURNS = 2;
const MAX_RETRIES = 2;

/** Committed learner turns after the turn `planTurn`; -1 counts all. */
export function learnerTurnsSince(turns: readonly { turn_index: number; kind: TurnKind }[], planTurn: number): number {
  return turns.filter((turn) => turn.kind === 'student' && turn.turn_index > planTurn).length;
}

/** K: the unproductive learner turns after which the planner runs, 1..10. */
export function attemptLimit(state: SessionState): number {
  return Math.min(10, Math.max(1, state.constraints.max_attempts_before_unlock));
}

/** Decides once per learner turn whether the packet still binds. A packet can add one gate, never keep a stuck learner. */
export function decideUnlock(
  turn: { judgement: Judgement; packet: Pick<InstructionPacket, 'lock_until'>; state: SessionState; facts: UnlockFacts },
): UnlockDecision {
  const { judgement, packet, state, facts } = turn;
  const { last_judgement: last, last_plan_turn: lastPlanTurn, plan_due: planDue, plan_retries: retries } = extOf(state);
  const limit = attemptLimit(state);
  const gate = readGate(packet, facts);
  const cooled = lastPlanTurn < 0 || facts.learnerTurnsSincePlan >= COOL_DOWN_TURNS;
  const holds: Record<UnlockReason, boolean> = {
    skip: judgement.skip === 'asked',
    consult: (judgement.consult !== '' || facts.triggerFired) && facts.expertUsable,
    checkpoint: judgement.checkpoint && gate !== 'closed',
    dataset: gate === 'open',
    attempts: state.attempts_since_last_progress + 1 >= limit || facts.learnerTurnsSincePlan + 1 >= 2 * limit,
    retry: planDue && retries < MAX_RETRIES,
    new_blocker: judgement.blocker !== 'none' && judgement.blocker !== (last?.blocker ?? 'none')
      && (cooled || packet.lock_until === 'new_error_type'),
    sentiment: judgement.sentiment === 'frustrated' && last?.sentiment === 'frustrated' && cooled,
  };
  const reasons = UNLOCK_REASONS.filter((reason) => holds[reason]);
  const first = reasons[0];
  if (first === undefined) return { unlock: false, route: null, reasons, gate };
  return { unlock: true, route: first === 'skip' ? 'skip' : 'plan', reasons, gate };
}

function readGate(packet: Pick<InstructionPacket, 'lock_until'>, facts: UnlockFacts): UnlockDecision['gate'] {
  if (packet.lock_until !== 'user_uploads_suitable_dataset_or_uses_example') return 'none';
  const uploaded = facts.newFiles.some((file) => file.origin === 'upload');
  return uploaded || namesDataset([facts.message, ...facts.runCode], facts.datasets) ? 'open' : 'closed';
}

/** True when a text names a file, in full or by a stem that is no ordinary word. */
function namesDataset(texts: readonly string[], datasets: readonly string[]): boolean {
  const names = datasets.flatMap((path) => {
    const name = foldText(path.split(/[/\\]/).at(-1) ?? '');
    const stem = name.replace(/\.[^.]+$/, '');
    return /[a-z0-9][_-][a-z0-9]/.test(stem) ? [name, stem] : [name];
  }).filter((name) => name !== '');
  return texts.some((text) => {
    const folded = text.normalize('NFKC').toLowerCase();
    return names.some((name) => containsWord(folded, name));
  });
}

function containsWord(text: string, word: string): boolean {
  const isWord = (character: string | undefined): boolean => character !== undefined && /[a-z0-9_-]/.test(character);
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (!isWord(text[at - 1]) && !isWord(text[at + word.length])) return true;
  }
  return false;
}
