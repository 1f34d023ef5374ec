import { createHash } from 'node:crypto';
import { estimateRequestTokens, type ModelMessage, type ModelRequest } from '../../models/index.ts';
import {
  JUDGEMENT_EXAMPLES, PROMPT_CATALOGUE, judgementLine, judgementShape, languageName, outlineSchema, recordLines, type PromptId, type PromptSet,
} from '../prompts/index.ts';
import { structureFor } from '../reading/index.ts';
import { asOfTurn, buildSections, type CallExtras } from './build-sections.ts';
import { buildHints } from './offline-hints.ts';
import { ORIGINS } from './origins.ts';
import { packContext, type PackManifest } from './pack-context.ts';
import { AGENT_BUDGETS, CALL_PLANS, type CallPlan, type CallPurpose } from './section-table.ts';
import { sessionFacts } from './session-sections.ts';
import type { TurnSnapshot } from './snapshot.ts';

/** What building a call needs besides the snapshot. */
export interface CallOptions extends CallExtras {
  prompts: PromptSet;
  /** A fresh, unguessable id for every call; at least 8 letters or digits. */
  newBoundary(): string;
  /** The endpoint's context window and what was learnt about its estimates. */
  window: { tokens: number; factor: number };
  /** Share of the budget to use; 0.6 after a context overflow. */
  share?: number;
  /** The system message of an earlier call of the turn, to be sent again byte by byte. */
  system?: string;
  /** Takes secrets out of every text that is not ours. */
  redact?(text: string): string;
}

/** Stored with the call: versions, budget, what was cut, hash. */
export type CallManifest = PackManifest & { prompts: Record<string, number>; hash: string; share: number };

/** A call, ready for the gateway. */
export interface BuiltCall {
  request: ModelRequest;
  manifest: CallManifest;
  /** SHA-256 over the messages, the per-call id left out. */
  promptHash: string;
  estimatedInputTokens: number;
  /** The system message, for `CallOptions.system` of a later call of the same agent in the turn. */
  system: string | null;
}

const RESERVE_TOKENS = 512;

/** Builds the request of one purpose from the turn's snapshot: packed context, rendered prompts, shape, offline hints. */
export function buildCall(purpose: CallPurpose, snapshot: TurnSnapshot, options: CallOptions): BuiltCall {
  const plan = CALL_PLANS[purpose];
  const frame = createFrame(purpose, snapshot, options);
  const share = options.share ?? 1;
  const structureTokens = estimateRequestTokens({ messages: [], ...structureOf(plan, options) }, options.window.factor);
  const tokens = Math.floor(budgetFor(plan, options) * share) - structureTokens;
  const names = options.system === undefined ? [...plan.systemSections, ...plan.sections] : plan.sections;
  const { factor } = options.window;
  const sections = buildSections(names, { purpose, snapshot, extras: options, factor, redact: (text) => options.redact?.(text) ?? text });
  const { messages, manifest } = packContext(sections, { tokens, factor, compose: (texts) => compose({ plan, options, frame }, texts) });
  const request: ModelRequest = {
    agent: repairedAgent(purpose, options) ?? plan.agent, purpose: plan.purpose, messages, maxOutputTokens: plan.maxOutputTokens,
    ...structureOf(plan, options), hints: buildHints(plan.purpose, asOfTurn({ purpose, snapshot, extras: options }), extraFacts(purpose, snapshot, options)),
  };
  const hash = hashOf(messages, frame.boundary);
  const prompts = Object.fromEntries(promptsOf(plan).map((id) => [id, options.prompts.versionOf(id)]));
  return {
    request, promptHash: hash, manifest: { ...manifest, prompts, hash, share }, estimatedInputTokens: estimateRequestTokens(request, factor),
    system: messages[0]?.role === 'system' ? messages[0].content : null,
  };
}

/** Tokens that messages and shapes of a call may take together. */
export function budgetFor(plan: Pick<CallPlan, 'agent' | 'maxOutputTokens'>, options: Pick<CallOptions, 'window'>): number {
  return Math.max(0, Math.min(options.window.tokens - plan.maxOutputTokens - RESERVE_TOKENS, AGENT_BUDGETS[plan.agent]));
}

interface Frame { boundary: string; values: Readonly<Record<string, string>> }
interface Composition { plan: CallPlan; options: CallOptions; frame: Frame }

/** Values that are no sections: written by code or generated from schemas. */
function createFrame(purpose: CallPurpose, snapshot: TurnSnapshot, options: CallOptions): Frame {
  const boundary = options.newBoundary();
  if (!/^[A-Za-z0-9_-]{8,}$/.test(boundary)) throw new Error('the boundary of a call must be at least 8 letters or digits');
  const record = structureFor('record');
  return {
    boundary,
    values: {
      BOUNDARY: boundary, LANGUAGE: languageName(snapshot.session.language), FACTS: sessionFacts(snapshot),
      JUDGEMENT_SHAPE: judgementShape(), JUDGEMENT_EXAMPLES: JUDGEMENT_EXAMPLES.map(judgementLine).join('\n'),
      RECORD_SHAPE: outlineSchema(record.schema), RECORD_EXAMPLE: recordLines(record.example),
      ...shapeValues(purpose, options),
    },
  };
}

function shapeValues(purpose: CallPurpose, { repair }: CallOptions): Record<string, string> {
  if (purpose === 'repair.json') return { SHAPE: repair?.kind === 'json' ? outlineSchema(repair.structure.schema, 'lines') : '' };
  const name = CALL_PLANS[purpose].structure;
  if (name === null) return {};
  const { schema, example } = structureFor(name);
  return { SHAPE: outlineSchema(schema, 'lines'), EXAMPLE: JSON.stringify(example) };
}

function compose({ plan, options, frame }: Composition, texts: Readonly<Record<string, string>>): ModelMessage[] {
  const user: ModelMessage = { role: 'user', content: render({ plan, options, frame }, plan.user, texts) };
  if (plan.system === null) return [user];
  return [{ role: 'system', content: options.system ?? render({ plan, options, frame }, plan.system, texts) }, user];
}

function render({ options, frame }: Composition, id: PromptId, texts: Readonly<Record<string, string>>): string {
  const { required, optional } = PROMPT_CATALOGUE[id];
  const values: Record<string, string> = {};
  for (const name of [...required, ...optional]) values[name] = texts[name] ?? frame.values[name] ?? '';
  return options.prompts.render(id, { values, boundary: frame.boundary, origins: ORIGINS });
}

function promptsOf({ system, user }: CallPlan): PromptId[] {
  return system === null ? [user] : [system, user];
}

function structureOf(plan: CallPlan, { repair }: CallOptions): Pick<ModelRequest, 'structure'> {
  if (repair?.kind === 'json' && plan.user === 'repair.json') return { structure: repair.structure };
  if (plan.structure === null) return {};
  const { name, schema } = structureFor(plan.structure);
  return { structure: { name, schema } };
}

/** A repaired reply is paid by the agent whose reply it was. */
function repairedAgent(purpose: CallPurpose, { repair }: CallOptions): ModelRequest['agent'] | null {
  return purpose === 'repair.json' && repair?.kind === 'json' ? repair.agent : null;
}

function extraFacts(purpose: CallPurpose, snapshot: TurnSnapshot, { memo, finalFacts, repair }: CallOptions): Record<string, unknown> {
  if (purpose === 'repair.record') return { repair: 'record', prose: repair?.kind === 'record' ? repair.prose : '' };
  if (purpose === 'repair.json' && repair?.kind === 'json') return { repair: repair.structure.name, text: repair.text, problems: repair.problems };
  if (purpose === 'final_report') return { final_facts: finalFacts ?? '', ...titlesByState(snapshot) };
  if (purpose !== 'memo') return {};
  const row = snapshot.history.findLast(({ turn_index: turn }) => memo === undefined || turn <= memo.toTurn);
  return { reply: row?.companion_response ?? '', record: row?.turn_outcome ?? null, wants_long_term: (memo?.fold ?? null) !== null };
}

function titlesByState({ tasks, session: { state } }: TurnSnapshot): Record<'completed' | 'skipped' | 'open', string[]> {
  const titled = (states: readonly string[]): string[] => tasks.filter(({ id }) => states.includes(state.subtask_status[id]?.status ?? '')).map(({ title }) => title);
  return { completed: titled(['completed']), skipped: titled(['skipped']), open: titled(['not_started', 'in_progress']) };
}

function hashOf(messages: readonly ModelMessage[], boundary: string): string {
  const text = JSON.stringify(messages.map(({ role, content }) => [role, content.replaceAll(boundary, '')]));
  return createHash('sha256').update(text).digest('hex');
}
