import { expect, it } from 'vitest';
import type { Endpoint } from './endpoint.ts';
import { createLearntFacts } from './learnt-facts.ts';
import { memoryFacts } from './test-models.ts';

const ENDPOINT: Endpoint = { provider: 'custom', url: 'http://h/chat/completions', apiKey: 'sk-secret', model: 'm', temperature: null };
const WEEK_MS = 7 * 24 * 3600 * 1000;

it('remembers for seven days, per endpoint and model, without the key', () => {
  let now = 0;
  const store = memoryFacts();
  const learnt = createLearntFacts(store, () => now);

  learnt.keepRung(ENDPOINT, 'text');
  learnt.keepQuirk(ENDPOINT, 'temperature');
  learnt.keepQuirk(ENDPOINT, 'temperature');
  learnt.keepLackOfTools(ENDPOINT);
  learnt.keepWindow(ENDPOINT, 4096);
  const known = () => [learnt.rung(ENDPOINT), learnt.quirks(ENDPOINT), learnt.lacksTools(ENDPOINT), learnt.window(ENDPOINT)];

  expect(known()).toEqual(['text', ['temperature'], true, 4096]);
  expect(learnt.rung({ ...ENDPOINT, model: 'other' })).toBeNull();
  expect(JSON.stringify([...store.all])).not.toContain('sk-secret');
  now = WEEK_MS + 1;
  expect(known()).toEqual([null, [], false, null]);
});

it('ignores a stored value that is none', () => {
  const store = memoryFacts();
  const learnt = createLearntFacts(store, () => 0);
  learnt.keepRung(ENDPOINT, 'text');
  for (const key of store.all.keys()) store.all.set(key, { strange: true });

  expect(learnt.rung(ENDPOINT)).toBeNull();
});

it('moves the factor towards what is counted, between 0.7 and 1.6', () => {
  const learnt = createLearntFacts(memoryFacts(), () => 0);

  expect(learnt.factor(ENDPOINT)).toBe(1);
  learnt.keepCount(ENDPOINT, 1200, 1000);
  expect(learnt.factor(ENDPOINT)).toBeCloseTo(1.2);
  learnt.keepCount(ENDPOINT, 1000, 1000);
  expect(learnt.factor(ENDPOINT)).toBeCloseTo(1.14);
  for (let round = 0; round < 50; round += 1) learnt.keepCount(ENDPOINT, 9000, 1000);
  expect(learnt.factor(ENDPOINT)).toBeCloseTo(1.6);
  for (let round = 0; round < 50; round += 1) learnt.keepCount(ENDPOINT, 10, 1000);
  expect(learnt.factor(ENDPOINT)).toBeCloseTo(0.7);
});
