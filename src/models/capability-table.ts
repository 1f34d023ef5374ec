import type { Endpoint } from './endpoint.ts';

/** How a structured answer is asked for, strongest first. */
export type StructuredRung = 'json_schema' | 'tool' | 'json_object' | 'text';

/** Used for models the table does not know. */
export const DEFAULT_WINDOW_TOKENS = 32_000;

// First match wins, so the narrower name stands before the wider one.
const WINDOWS: readonly (readonly [RegExp, number])[] = [
  [/gpt-4\.1/, 1_047_576],
  [/gpt-5|gpt-oss/, 128_000],
  [/gpt-4o|gpt-4-turbo|chatgpt-4o/, 128_000],
  [/gpt-4/, 8_192],
  [/gpt-3\.5/, 16_385],
  [/(^|\/)o[134](-|$)/, 200_000],
  [/claude/, 200_000],
  [/gemini/, 1_048_576],
  [/deepseek/, 64_000],
  [/qwen-?(plus|turbo|flash)|qwen3/, 131_072],
  [/qwen/, 32_768],
  [/glm-4\.[5-9]|glm-[5-9]|glm-4/, 128_000],
  [/kimi|moonshot/, 128_000],
  [/mixtral|mistral-7b/, 32_768],
  [/mistral|magistral|ministral/, 128_000],
  [/llama-?3\.[1-9]|llama-?4/, 128_000],
  [/llama-?3/, 8_192],
  [/grok/, 131_072],
];

/** The context window of a model by its name, in tokens. */
export function windowOfModel(model: string): number {
  const name = model.toLowerCase();
  const named = /[-_](\d{1,4})k(?![a-z0-9])/.exec(name);
  if (named !== null) return Number(named[1]) * 1024;
  return WINDOWS.find(([pattern]) => pattern.test(name))?.[1] ?? DEFAULT_WINDOW_TOKENS;
}

const FIRST_RUNGS: readonly (readonly [RegExp, StructuredRung])[] = [
  [/gpt-3\.5|gpt-4(-turbo|-\d{4}|$)/, 'json_object'],
  [/deepseek|qwen|glm|kimi|moonshot|doubao|hunyuan|ernie|baichuan|(^|\/)yi-/, 'json_object'],
];

/** The rung a model starts on, before anything was learnt about it. */
export function firstRungOf(endpoint: Pick<Endpoint, 'provider' | 'model'>): StructuredRung {
  if (endpoint.provider === 'anthropic') return 'tool';
  const name = endpoint.model.toLowerCase();
  return FIRST_RUNGS.find(([pattern]) => pattern.test(name))?.[1] ?? 'json_schema';
}

const RUNGS: readonly StructuredRung[] = ['json_schema', 'tool', 'json_object', 'text'];
const ANTHROPIC_RUNGS: readonly StructuredRung[] = ['tool', 'text'];

/** The next weaker rung, or null at the bottom. */
export function rungBelow(rung: StructuredRung, provider: Endpoint['provider']): StructuredRung | null {
  const rungs = provider === 'anthropic' ? ANTHROPIC_RUNGS : RUNGS;
  return rungs[rungs.indexOf(rung) + 1] ?? null;
}
