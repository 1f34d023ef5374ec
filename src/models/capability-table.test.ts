import { expect, it } from 'vitest';
import { firstRungOf, rungBelow, windowOfModel } from './capability-table.ts';

it.each([
  ['gpt-4o-mini', 128_000], ['openai/gpt-4.1', 1_047_576], ['gpt-4', 8192], ['o3-mini', 200_000], ['claude-sonnet-4-5', 200_000],
  ['deepseek-chat', 64_000], ['qwen-plus', 131_072], ['qwen2.5-7b-instruct', 32_768], ['moonshot-v1-8k', 8192], ['moonshot-v1-32k', 32_768],
  ['glm-4-flash', 128_000], ['llama3.1:8b', 128_000], ['llama3', 8192], ['something-else', 32_000],
])('knows the window of %s', (model, expected) => {
  expect(windowOfModel(model)).toBe(expected);
});

it.each([
  ['openai', 'gpt-4o', 'json_schema'], ['openai', 'gpt-3.5-turbo', 'json_object'], ['openai', 'gpt-4', 'json_object'],
  ['anthropic', 'claude-sonnet-4-5', 'tool'], ['custom', 'deepseek-chat', 'json_object'], ['custom', 'qwen-max', 'json_object'],
  ['custom', 'unknown', 'json_schema'],
] as const)('lets %s %s start on %s', (provider, model, expected) => {
  expect(firstRungOf({ provider, model })).toBe(expected);
});

it.each([
  ['openai', 'json_schema', 'tool'], ['openai', 'tool', 'json_object'], ['openai', 'json_object', 'text'], ['openai', 'text', null],
  ['anthropic', 'tool', 'text'], ['anthropic', 'text', null],
] as const)('steps down on %s from %s to %s', (provider, rung, expected) => {
  expect(rungBelow(rung, provider)).toBe(expected);
});
