import type { CompanionRecord } from '../../../contracts/index.ts';
import { ModelError } from '../../../models/index.ts';
import type { TurnSnapshot } from '../../context/index.ts';
import { readRecord } from '../../reading/index.ts';
import { createRecord } from '../../state/index.ts';
import { createCallBuilder } from '../build-calls.ts';
import type { EngineDeps } from '../engine-deps.ts';
import { callContextOf } from '../model-calls.ts';
import type { RunningTurn } from '../running-turn.ts';
import { callerOf } from '../turn-caller.ts';
import type { SpokenReply } from '../turn-work.ts';

/** Completes the descriptive record: as sent, else repaired by one small call, else defaults. The prose is never touched. */
export async function settleRecord(
  turn: RunningTurn, work: { spoken: SpokenReply; snapshot: TurnSnapshot }, deps: EngineDeps,
): Promise<CompanionRecord> {
  const { spoken, snapshot } = work;
  if (turn.identity.kind !== 'student') return createRecord(spoken.prose);
  const context = { taskIds: snapshot.tasks.map((task) => task.id), prose: spoken.prose };
  const sent = readRecord(spoken.rawRecord === null ? null : deps.redact(spoken.rawRecord), context);
  if (sent.value !== null) return sent.value;
  const repaired = await askForRecord(turn, work, deps);
  const reading = repaired === null ? null : readRecord(deps.redact(repaired), context);
  if (reading !== null && reading.value !== null) return reading.value;
  turn.notice('record_defaulted', 'CA');
  return createRecord(spoken.prose);
}

async function askForRecord(
  turn: RunningTurn, { spoken, snapshot }: { spoken: SpokenReply; snapshot: TurnSnapshot }, deps: EngineDeps,
): Promise<string | null> {
  const built = createCallBuilder(deps)('repair.record', snapshot, { repair: { kind: 'record', prose: spoken.prose } });
  const caller = callerOf(turn);
  try {
    const reply = await deps.gateway.collect(built.request, callContextOf(caller, built, deps), turn.signal);
    return reply.text.trim() === '' ? (reply.toolCalls[0]?.input ?? null) : reply.text;
  } catch (error) {
    turn.signal.throwIfAborted();
    if (!(error instanceof ModelError)) throw error;
    deps.log.warn({ turnId: turn.identity.turnId, kind: error.kind }, 'record repair failed');
    return null;
  }
}
