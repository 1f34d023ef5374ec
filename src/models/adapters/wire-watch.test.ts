import { expect, it } from 'vitest';
import { WireWatch } from './wire-watch.ts';

const FIRST = { input_tokens: 12, cache_read_input_tokens: 4000, cache_creation_input_tokens: 300, output_tokens: 1 };

it.each<[string, object, object, object]>([
  ['the last event repeats all of them', FIRST, { ...FIRST, output_tokens: 9 }, { input_tokens: 4312, output_tokens: 9, cached_tokens: 4000 }],
  ['the last event leaves the cached ones out', FIRST, { input_tokens: 12, output_tokens: 9 }, { input_tokens: 4312, output_tokens: 9, cached_tokens: 4000 }],
  ['the last event counts the output alone', FIRST, { output_tokens: 9 }, { input_tokens: 4312, output_tokens: 9, cached_tokens: 4000 }],
  ['only the last event knows them', { input_tokens: 0, output_tokens: 0 }, { input_tokens: 70, output_tokens: 9 }, { input_tokens: 70, output_tokens: 9 }],
])('counts the tokens of a message when %s', (_title, first, last, usage) => {
  const watch = new WireWatch();

  watch.seeEvent({ type: 'message_start', message: { usage: first } });
  watch.seeEvent({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: last });

  expect(watch.usage).toEqual(usage);
});
