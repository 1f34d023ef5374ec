import type { ModelPurpose } from '../../contracts/index.ts';
import { ModelError } from '../../models/index.ts';
import type { CollectedReply } from '../../models/index.ts';
import type { BuiltCall, TurnSnapshot } from '../context/index.ts';
import { structureFor } from '../reading/index.ts';
import type { Reading, StructureName } from '../reading/index.ts';
import { createCallBuilder, withSmallerRetry } from './build-calls.ts';
import type { BuildExtras } from './build-calls.ts';
import type { EngineDeps } from './engine-deps.ts';
import { callContextOf } from './model-calls.ts';
import type { Caller } from './model-calls.ts';

/** One question to an agent that answers with an object. */
export interface StructuredQuestion<T> {
  purpose: Extract<ModelPurpose, 'plan' | 'integrate' | 'memo' | 'final_report'>;
  snapshot: TurnSnapshot;
  extras?: BuildExtras;
  read(text: string): Reading<T>;
  /** Shape to ask for when the reply was unreadable; null = no repair. */
  repairWith: StructureName | null;
}

/** The object's text, wherever the ladder's rung put it, without secrets: what is read here is remembered and shown. */
function textOf(reply: CollectedReply, deps: EngineDeps): string {
  return deps.redact(reply.text.trim() === '' ? (reply.toolCalls[0]?.input ?? '') : reply.text);
}

/**
 * Asks, reads tolerantly, and repairs once. Null when the agent failed: the caller has a fallback.
 * Throws only when the caller's signal was aborted.
 */
export async function askStructured<T>(question: StructuredQuestion<T>, caller: Caller, deps: EngineDeps): Promise<T | null> {
  const build = createCallBuilder(deps);
  const first = await collectOrNull((share) => build(question.purpose, question.snapshot, { ...question.extras, share }), caller, deps);
  if (first === null) return null;
  const reading = question.read(textOf(first, deps));
  if (reading.value !== null) return reading.value;
  deps.log.warn({ turnId: caller.turnId, purpose: question.purpose, problems: reading.problems.slice(0, 5) }, 'structured reply unreadable');
  if (question.repairWith === null) return null;
  const { name, schema } = structureFor(question.repairWith);
  const repair = {
    kind: 'json' as const, agent: AGENT_OF[question.purpose], structure: { name, schema }, text: textOf(first, deps), problems: reading.problems,
  };
  const second = await collectOrNull((share) => build('repair.json', question.snapshot, { repair, share }), caller, deps);
  return second === null ? null : question.read(textOf(second, deps)).value;
}

const AGENT_OF = { plan: 'RMA', integrate: 'RMA', memo: 'MA', final_report: 'MA' } as const;

async function collectOrNull(build: (share: number) => BuiltCall, caller: Caller, deps: EngineDeps): Promise<CollectedReply | null> {
  try {
    return await withSmallerRetry(async (share) => {
      const built = build(share);
      return await deps.gateway.collect(built.request, callContextOf(caller, built, deps), caller.signal);
    });
  } catch (error) {
    caller.signal.throwIfAborted();
    if (!(error instanceof ModelError)) throw error;
    deps.log.warn({ turnId: caller.turnId, kind: error.kind, detail: error.message }, 'agent call failed');
    return null;
  }
}
