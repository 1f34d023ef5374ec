import { setImmediate as nextTick } from 'node:timers/promises';
import { ModelError, type ModelPart, type ModelPort, type ModelRequest, type OfflineHints } from '../port.ts';
import { greetProse, nextTaskProse, replyProse, speakProse } from './companion-prose.ts';
import { consultStep, consultText } from './consult-step.ts';
import { finalReportText, memoObject, recordObject } from './memo-objects.ts';
import { integrateObject, planObject } from './planner-objects.ts';
import { readLearner } from './read-learner.ts';

const PART_CODE_POINTS = 24;
const NO_TOKENS = { input_tokens: 0, output_tokens: 0 };

/** The rule-based tutor: reads the typed hints of a request, never its prompt, and gives the same answer every time. */
export function createOfflineTutor(): ModelPort {
  return { stream: streamAnswer };
}

async function* streamAnswer(request: ModelRequest, signal: AbortSignal): AsyncGenerator<ModelPart> {
  const { hints } = request;
  if (hints === undefined) throw new ModelError('bad_request', 'a call of the offline tutor came without hints');
  throwIfAborted(signal);
  const call = request.purpose === 'consult' ? consultStep(request, hints) : null;
  if (call !== null) {
    yield { type: 'tool_call', call };
    yield { type: 'finish', reason: 'tool_calls', usage: NO_TOKENS, estimated: false };
    return;
  }
  for (const text of inParts(answerTo(request, hints))) {
    // Gives the loop back between parts, so that a cancel is seen and others are served.
    await nextTick();
    throwIfAborted(signal);
    yield { type: 'text', text };
  }
  yield { type: 'finish', reason: 'stop', usage: NO_TOKENS, estimated: false };
}

function answerTo(request: ModelRequest, hints: OfflineHints): string {
  switch (request.purpose) {
    case 'reply': return `@@judgement ${JSON.stringify(readLearner(hints))}\n${withRecord(replyProse(hints), hints)}`;
    case 'speak': return withRecord(speakProse(hints), hints);
    case 'greet': return greetProse(hints);
    case 'next_task': return nextTaskProse(hints);
    case 'plan': return JSON.stringify(planObject(hints));
    case 'integrate': return JSON.stringify(integrateObject(hints));
    case 'memo': return JSON.stringify(memoObject(hints));
    case 'final_report': return finalReportText(hints);
    case 'repair': return JSON.stringify(repaired(request, hints));
    case 'consult': return consultText(request, hints);
    default: return request.purpose satisfies never;
  }
}

// Each agent repairs its own object.
function repaired(request: ModelRequest, hints: OfflineHints): object {
  if (request.agent === 'RMA') return hints.consultResult === null ? planObject(hints) : integrateObject(hints);
  return request.agent === 'MA' ? memoObject(hints) : recordObject(hints);
}

function withRecord(prose: string, hints: OfflineHints): string {
  return `${prose}\n@@record\n${JSON.stringify(recordObject(hints))}\n@@end\n`;
}

function* inParts(text: string): Generator<string> {
  const points = [...text];
  for (let at = 0; at < points.length; at += PART_CODE_POINTS) yield points.slice(at, at + PART_CODE_POINTS).join('');
}

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new ModelError('aborted', 'the call was cancelled');
}
