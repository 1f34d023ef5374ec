import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { InstructionPacket, Judgement } from '../../../contracts/index.ts';
import { ModelError } from '../../../models/index.ts';
import type { TurnSnapshot } from '../../context/index.ts';
import { solutionTokens } from '../../companion/index.ts';
import type { SolutionPolicy } from '../../companion/index.ts';
import { createCallBuilder, withSmallerRetry } from '../build-calls.ts';
import { CompanionSpeech } from '../companion-speech.ts';
import type { SpeechEnd } from '../companion-speech.ts';
import type { EngineDeps } from '../engine-deps.ts';
import { callContextOf } from '../model-calls.ts';
import type { Caller } from '../model-calls.ts';
import type { RunningTurn } from '../running-turn.ts';
import { callerOf } from '../turn-caller.ts';
import type { SpokenReply } from '../turn-work.ts';

const TRIES = 3;
const BACKOFF_MS = 500;
const LONGEST_WAIT_MS = 20_000;

export interface SpeakInput {
  purpose: 'reply' | 'speak' | 'greet' | 'next_task';
  snapshot: TurnSnapshot;
  references: readonly string[];
  /** The system message of the turn's first call, so that provider caches hit. */
  system?: string;
  /** Only for `reply`; false stops the call unseen. */
  mayGoOn?(judgement: Judgement): boolean;
}

/** How the call ended, and the system message that it was sent with. */
export type SpokenTurn = SpeechEnd & { system: string | null };

/**
 * One companion call, streamed to the learner. A failure before anything visible is tried again, at most three times in all;
 * afterwards, and when all tries failed, it throws ModelError.
 */
export async function speakToLearner(turn: RunningTurn, input: SpeakInput, deps: EngineDeps): Promise<SpokenTurn> {
  const attempts = { used: 0 }; // The gateway's own retries count too.
  for (let round = 0; ; round += 1) {
    const result = await withSmallerRetry((share) => speakOnce(turn, { ...input, share, attempts }, deps));
    if ('end' in result) return { ...result.end, system: result.system };
    turn.notice('model_retry', 'CA');
    await delay(Math.min(result.waitMs ?? randomInt(BACKOFF_MS * 2 ** round), LONGEST_WAIT_MS), undefined, { signal: turn.signal });
  }
}

/** Core tasks are guarded unless the planner permitted helper code; scaffolding never is. */
function solutionPolicyOf(packet: InstructionPacket, references: readonly string[]): SolutionPolicy {
  if (packet.allow_setup_helper_code) return { kind: 'helper' };
  return packet.task_type === 'core' ? { kind: 'core', references: references.map(solutionTokens) } : { kind: 'open' };
}

type Try = { end: SpeechEnd; system: string | null } | { waitMs: number | null };

async function speakOnce(turn: RunningTurn, input: SpeakInput & { share: number; attempts: { used: number } }, deps: EngineDeps): Promise<Try> {
  const built = createCallBuilder(deps)(input.purpose, input.snapshot, {
    share: input.share, ...(input.system !== undefined && input.share === 1 ? { system: input.system } : {}),
  });
  using speech = new CompanionSpeech(turn, {
    mode: input.purpose === 'reply' ? 'reply' : 'speak',
    clock: deps.clock,
    secrets: deps.knownSecrets(),
    solutions: solutionPolicyOf(input.snapshot.session.packet, input.references),
    mayGoOn: input.mayGoOn ?? (() => true),
  });
  const { signal } = speech;
  try {
    const caller: Caller = {
      ...callerOf(turn, signal),
      countAttempt: (row) => {
        input.attempts.used += 1;
        turn.countAttempt(row);
      },
    };
    const context = { ...callContextOf(caller, built, deps), attemptsLeft: TRIES - input.attempts.used };
    const end = await speech.read(deps.gateway.stream(built.request, context, signal));
    return { end, system: built.system };
  } catch (error) {
    turn.signal.throwIfAborted();
    const isAgain = error instanceof ModelError && error.retryable && speech.sawText && !speech.isVisible && input.attempts.used < TRIES;
    if (!isAgain) throw error;
    return { waitMs: error.retryAfterMs };
  }
}

/** Says when an answer was cut by its length limit. */
export function noteTruncation(turn: RunningTurn, reply: SpokenReply): void {
  if (reply.isTruncated) turn.notice('reply_truncated', 'CA');
}
