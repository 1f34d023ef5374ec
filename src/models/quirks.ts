import type { StructuredRung } from './capability-table.ts';
import type { Endpoint } from './endpoint.ts';

/** How a request is written for one endpoint and model. */
export interface WireShape {
  tokenParameter: 'max_tokens' | 'max_completion_tokens';
  sendsTemperature: boolean;
  sendsStreamOptions: boolean;
  /** Further body fields that the family documents. */
  extra: Readonly<Record<string, unknown>>;
}

const PLAIN: WireShape = { tokenParameter: 'max_tokens', sendsTemperature: true, sendsStreamOptions: true, extra: {} };

interface Family { name: string; pattern: RegExp; provider?: Endpoint['provider']; shape: Partial<WireShape> }

/** What is known of a family before the first call. First match wins. */
export const FAMILIES: readonly Family[] = [
  {
    name: 'OpenAI reasoning families count reasoning as completion, take no temperature, and think briefly when asked to',
    pattern: /(^|\/)(o[134](-|$)|gpt-5(?!.*chat))/,
    shape: { tokenParameter: 'max_completion_tokens', sendsTemperature: false, extra: { reasoning_effort: 'low' } },
  },
  {
    name: 'the public OpenAI service has replaced max_tokens',
    pattern: /(^|\/)(gpt-4\.1|gpt-4o|gpt-5|chatgpt)/,
    provider: 'openai',
    shape: { tokenParameter: 'max_completion_tokens' },
  },
  {
    name: 'GLM documents a switch for thinking, on by default',
    pattern: /(^|\/)glm-(4\.[5-9]|[5-9])/,
    shape: { extra: { thinking: { type: 'disabled' } } },
  },
  {
    name: 'Doubao Seed documents the same switch',
    pattern: /doubao-seed/,
    shape: { extra: { thinking: { type: 'disabled' } } },
  },
  {
    name: 'newer Claude families take no sampling parameters',
    pattern: /claude-(opus-(4-[7-9]|[5-9])|sonnet-[5-9]|fable|mythos)/,
    provider: 'anthropic',
    shape: { sendsTemperature: false },
  },
];

/** How requests to this model are written before it has refused anything. */
export function initialShape(endpoint: Pick<Endpoint, 'provider' | 'model'>): WireShape {
  const name = endpoint.model.toLowerCase();
  const family = FAMILIES.find(({ pattern, provider }) => pattern.test(name) && (provider === undefined || provider === endpoint.provider));
  return { ...PLAIN, ...family?.shape };
}

/** A refusal that can be answered by writing the request differently; remembered by its name. */
interface RefusalQuirk {
  name: string;
  /** What the refusal says. */
  wording: RegExp;
  /** The new shape, or null when the request did not use the feature. */
  change(shape: WireShape): WireShape | null;
}

/** What a 400 may name, and what we do then. Each acts once per call and is remembered. */
export const REFUSALS: readonly RefusalQuirk[] = [
  {
    name: 'max_completion_tokens',
    wording: /max_(completion_)?tokens/i,
    change: (shape) => ({ ...shape, tokenParameter: shape.tokenParameter === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens' }),
  },
  {
    name: 'temperature',
    wording: /temperature/i,
    change: (shape) => (shape.sendsTemperature ? { ...shape, sendsTemperature: false } : null),
  },
  {
    name: 'stream_options',
    wording: /stream_options|include_usage/i,
    change: (shape) => (shape.sendsStreamOptions ? { ...shape, sendsStreamOptions: false } : null),
  },
  {
    name: 'thinking',
    wording: /thinking|reasoning_effort/i,
    change: (shape) => (Object.keys(shape.extra).length > 0 ? { ...shape, extra: {} } : null),
  },
];

/** The shape after a refusal, with the quirk's name, or null when the text names nothing that can be left out. */
export function shapeAfterRefusal(
  shape: WireShape, text: string, seen: ReadonlySet<string>,
): { shape: WireShape; name: string } | null {
  for (const quirk of REFUSALS) {
    if (seen.has(quirk.name) || !quirk.wording.test(text)) continue;
    const changed = quirk.change(shape);
    if (changed !== null) return { shape: changed, name: quirk.name };
  }
  return null;
}

const RUNG_WORDINGS: Readonly<Record<Exclude<StructuredRung, 'text'>, RegExp>> = {
  json_schema: /response_format|json_schema|structured.?output|output_config|guided|grammar|schema/i,
  tool: /tool|function/i,
  json_object: /response_format|json_object|json mode/i,
};

/** Whether a refusal names the feature that a structured rung needs. */
export function namesRung(text: string, rung: StructuredRung): boolean {
  return rung !== 'text' && RUNG_WORDINGS[rung].test(text);
}

/** Whether a refusal says that the model cannot call tools. */
export function namesTools(text: string): boolean {
  return /(tools?|function.?call\w*|tool_choice)\b.{0,60}(not|un|n't)|(not|n't|un)\S*.{0,40}\b(tools?|function.?call\w*)\b/i.test(text);
}

const FINISH_WORDS: Readonly<Record<string, 'stop' | 'length' | 'content_filter' | 'tool_calls' | 'broken'>> = {
  stop: 'stop', end_turn: 'stop', stop_sequence: 'stop', pause_turn: 'stop', eos: 'stop', eos_token: 'stop', complete: 'stop', completed: 'stop',
  length: 'length', max_tokens: 'length', model_length: 'length', model_context_window_exceeded: 'length',
  content_filter: 'content_filter', refusal: 'content_filter', safety: 'content_filter', sensitive: 'content_filter',
  recitation: 'content_filter', prohibited_content: 'content_filter', blocklist: 'content_filter',
  tool_calls: 'tool_calls', tool_use: 'tool_calls', function_call: 'tool_calls',
  error: 'broken', abort: 'broken', network_error: 'broken', insufficient_system_resource: 'broken', malformed_function_call: 'broken',
};

/** A finish reason in any provider's words; `broken` means that the service gave up in the middle. */
export function readFinishReason(word: string): 'stop' | 'length' | 'content_filter' | 'tool_calls' | 'broken' | 'other' {
  return FINISH_WORDS[word.toLowerCase()] ?? 'other';
}
