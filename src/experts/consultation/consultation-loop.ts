import { createHash } from 'node:crypto';
import type { Clock } from '../../config/index.ts';
import type { LedgerRow, NoticeCode } from '../../contracts/index.ts';
import { ModelError, estimateRequestTokens } from '../../models/index.ts';
import type { CollectedReply, ModelGateway, ModelMessage, ModelRequest, ToolCall } from '../../models/index.ts';
import { cleanValue } from '../clean-value.ts';
import { checkOutput } from '../outputs/check-output.ts';
import type { ToolFact } from '../outputs/check-output.ts';
import type { ExpertOutput } from '../outputs/output-schemas.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import { clipBytes } from '../tools/clip-bytes.ts';
import { isLaneTool, isToolName } from '../tools/tool-names.ts';
import type { ToolName } from '../tools/tool-names.ts';
import { toolError } from '../tools/tool-outcome.ts';
import type { ToolOutcome } from '../tools/tool-outcome.ts';
import { toolDefinitions } from '../tools/tool-definitions.ts';
import { ConsultationFailure } from './consultation-failure.ts';
import type { ConsultationRecord } from './consultation-record.ts';
import { composeMessages, wrapResult } from './dialogue.ts';
import type { DialogueEntry } from './dialogue.ts';
import { LoopState } from './loop-state.ts';
import { consultHints } from './offline-facts.ts';
import { namedFile } from './request.ts';
import type { ExpertRequest } from './request.ts';
import { readTextCall } from './text-protocol.ts';

/** What one consultation runs on. */
export interface LoopParts {
  gateway: ModelGateway;
  clock: Clock;
  expert: ExpertPackage;
  request: ExpertRequest;
  language: string;
  /** Effective tools. */
  tools: readonly ToolName[];
  /** System and user message; they differ with the way tools are called. */
  opening(isNative: boolean): readonly ModelMessage[];
  /** `onStart` is told the execution of a call that runs in the lane. */
  runTool(name: Exclude<ToolName, 'finish'>, input: unknown, onStart: (executionId: string) => void): Promise<ToolOutcome>;
  record: ConsultationRecord;
  /** Facts of the letter that every skill call repeats. */
  letter: { consultation_id: string; user_turn_index: number; round_index: number };
  boundary: string;
  manifest: Record<string, unknown>;
  owner: { sessionId: string; turnId: string };
  onAttempt(row: LedgerRow): void;
  onNotice(code: NoticeCode): void;
  onProgress(progress: { step: number; tool: string; executionId?: string }): void;
  /** Takes host paths and secrets out of results. */
  clean(text: string): string;
  signal: AbortSignal;
}

export interface LoopResult { output: ExpertOutput; overridden: string[] }

const MAX_OUTPUT_TOKENS = 2000;
const RESERVE_TOKENS = 512;
const EXPERT_BUDGET_TOKENS = 12_000;
const MAX_RESULT_BYTES = 64 * 1024;
const REMINDER = 'Call one of your tools now. If you have what you need, call `finish` with `output`.';
const LAST_STEP = 'This is the last step: call `finish` now with what you know.';

/** Model call, tool calls in order, results, again, until a valid `finish`. Throws `ConsultationFailure` or the signal's reason. */
export async function runConsultation(parts: LoopParts): Promise<LoopResult> {
  const state = new LoopState(parts.expert.limits);
  const facts: ToolFact[] = [];
  const entries: DialogueEntry[] = [];
  for (;;) {
    const isLast = state.begin();
    if (isLast && state.step > 1) entries.push({ kind: 'note', content: LAST_STEP });
    const offered: readonly ToolName[] = isLast ? ['finish'] : parts.tools;
    const { calls, text } = await ask(parts, { state, entries, facts, offered });
    entries.push({ kind: 'reply', text, calls });
    if (calls.length === 0) {
      state.remind();
      entries.push({ kind: 'note', content: REMINDER });
    }
    for (const call of calls) {
      const done = await carryOut(parts, { state, entries, facts, offered }, call);
      if (done !== null) return done;
    }
  }
}

interface Step { state: LoopState; entries: DialogueEntry[]; facts: ToolFact[]; offered: readonly ToolName[] }

async function ask(parts: LoopParts, step: Step): Promise<{ calls: ToolCall[]; text: string }> {
  const { gateway, record } = parts;
  const reply = await collect(parts, step);
  const id = `call_${step.state.step}`;
  const written = reply.toolCalls.length > 0 ? null : readTextCall(reply.text, id);
  const calls = written === null ? reply.toolCalls : [written];
  await record.say([{ role: 'assistant', step: step.state.step, text: reply.text, calls, native: gateway.supportsTools('EXP', 'consult') }]);
  return { calls, text: written === null ? reply.text : '' };
}

/** An endpoint that turns out to know no tools gets the same step as text. */
async function collect(parts: LoopParts, step: Step): Promise<CollectedReply> {
  const isNative = parts.gateway.supportsTools('EXP', 'consult');
  try {
    return await collectOnce(parts, step, isNative);
  } catch (error) {
    parts.signal.throwIfAborted();
    if (isNative && error instanceof ModelError && error.kind === 'tool') return await collectOnce(parts, step, false).catch((second: unknown) => fail(parts, second));
    return fail(parts, error);
  }
}

function fail(parts: LoopParts, error: unknown): never {
  parts.signal.throwIfAborted();
  if (!(error instanceof ModelError)) throw error;
  const reason = error.kind === 'budget' ? 'budget' : 'model_error';
  throw new ConsultationFailure(reason, `${error.kind}: ${error.message}`, { cause: error });
}

async function collectOnce(parts: LoopParts, { state, entries, facts, offered }: Step, isNative: boolean): Promise<CollectedReply> {
  const { gateway, expert, request } = parts;
  const factor = gateway.estimateFactorFor('EXP', 'consult');
  const definitions = toolDefinitions(offered, {
    outputType: request.expected_output_type, knowledge: [...expert.knowledge.keys()], skills: [...expert.skills.keys()],
  });
  const tools = isNative ? definitions : [];
  const tokens = Math.min(gateway.windowFor('EXP', 'consult') - MAX_OUTPUT_TOKENS - RESERVE_TOKENS, EXPERT_BUDGET_TOKENS);
  const messages = composeMessages(parts.opening(isNative), entries, { tokens, factor, tools, isNative });
  const call: ModelRequest = {
    agent: 'EXP', purpose: 'consult', messages, maxOutputTokens: MAX_OUTPUT_TOKENS,
    ...(isNative ? { tools, toolChoice: offered.length === 1 ? { name: 'finish' } : 'auto' as const } : {}),
    hints: consultHints({ request, expert, language: parts.language, facts }),
  };
  return await gateway.collect(call, {
    ...parts.owner, manifest: { ...parts.manifest, step: state.step }, promptHash: hashOf(messages, parts.boundary),
    estimatedInputTokens: estimateRequestTokens({ messages, tools }, factor), onNotice: parts.onNotice,
    onAttempt: (row) => {
      state.countAttempt(row);
      parts.onAttempt(row);
    },
  }, parts.signal);
}

/** One call: `finish` may end the consultation, everything else leaves a result for the model and a record. */
async function carryOut(parts: LoopParts, step: Step, call: ToolCall): Promise<LoopResult | null> {
  const { state } = step;
  const isWithinLimit = state.countCall();
  parts.signal.throwIfAborted();
  const tell = tellOnce(parts, { step: state.step, tool: isToolName(call.name) ? call.name : 'unknown' });
  const input = readInput(call.input);
  if (!isWithinLimit || !isToolName(call.name) || !isLaneTool(call.name)) tell();
  if (call.name === 'finish') return await finish(parts, step, { call, input });
  const began = parts.clock.monotonicMs();
  const timestamp = parts.clock.now().toISOString();
  const outcome = isWithinLimit ? await perform(parts, step, { call, input, tell }) : toolError('call_limit', 'no calls are left; call finish');
  tell();
  parts.signal.throwIfAborted();
  await parts.record.addCall({
    timestamp, expert_id: parts.expert.expertId, ...parts.letter, skill_name: call.name.slice(0, 64), cwd: '/workspace',
    inputs: { files_read: outcome.filesRead, parameters: input ?? call.input.slice(0, 400) }, outputs: { files_written: outcome.filesWritten },
    execution_time_ms: Math.round(parts.clock.monotonicMs() - began), success: outcome.ok,
    error_message: outcome.ok ? null : String(outcome.result['message'] ?? outcome.result['error'] ?? ''), execution_id: outcome.execution?.id ?? null,
  }, outcome.execution);
  await give(parts, step, { call, result: outcome.result });
  if (outcome.ok && isToolName(call.name)) step.facts.push({ name: call.name, fileName: String(outcome.result['file_name'] ?? ''), result: outcome.result });
  else if (!outcome.ok && isWithinLimit) state.noteError(call.name, String(outcome.result['error'] ?? outcome.result['message'] ?? 'failed'));
  return null;
}

/** What runs in the lane is told with its execution as it begins, everything else, also what never begins, without one. */
function tellOnce(parts: LoopParts, about: { step: number; tool: string }): (executionId?: string) => void {
  let isTold = false;
  return (executionId) => {
    if (!isTold) parts.onProgress({ ...about, ...(executionId === undefined ? {} : { executionId }) });
    isTold = true;
  };
}

async function perform(
  parts: LoopParts, step: Step, { call, input, tell }: { call: ToolCall; input: unknown; tell: (executionId?: string) => void },
): Promise<ToolOutcome> {
  if (!isToolName(call.name) || call.name === 'finish' || !step.offered.includes(call.name)) {
    return toolError('tool_not_allowed', `there is no such tool; there are: ${step.offered.join(', ')}`);
  }
  if (input === null) return toolError('invalid_input', 'the input is not a JSON object');
  return await parts.runTool(call.name, input, tell);
}

async function finish(parts: LoopParts, step: Step, { call, input }: { call: ToolCall; input: unknown }): Promise<LoopResult | null> {
  const checked = checkOutput(outputOf(input), {
    outputType: parts.request.expected_output_type, facts: step.facts, fileName: namedFile(parts.request),
  });
  if (checked.kind === 'valid') {
    await parts.record.say([{ role: 'tool', name: 'finish', result: { accepted: true } }]);
    return { output: checked.output, overridden: checked.overridden };
  }
  step.state.noteInvalid(checked.errors);
  await give(parts, step, { call, result: { accepted: false, errors: checked.errors } });
  return null;
}

/** Some models leave the wrapper out and send the output itself. */
function outputOf(input: unknown): unknown {
  if (typeof input !== 'object' || input === null) return null;
  return Object.hasOwn(input, 'output') ? Reflect.get(input, 'output') : input;
}

async function give(parts: LoopParts, { entries }: Step, { call, result }: { call: ToolCall; result: Readonly<Record<string, unknown>> }): Promise<void> {
  const text = clipBytes(JSON.stringify(cleanValue(result, parts.clean)), MAX_RESULT_BYTES);
  await parts.record.say([{ role: 'tool', name: call.name, result: text }]);
  entries.push({ kind: 'result', call, content: wrapResult(text, { boundary: parts.boundary, origin: `result of ${isToolName(call.name) ? call.name : 'an unknown tool'}` }) });
}

/** Null when the input is no JSON object. */
function readInput(json: string): unknown {
  if (json.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null; // A truncated or broken call is an error that the model hears of.
  }
}

function hashOf(messages: readonly ModelMessage[], boundary: string): string {
  return createHash('sha256').update(JSON.stringify(messages.map(({ role, content }) => [role, content.replaceAll(boundary, '')]))).digest('hex');
}
