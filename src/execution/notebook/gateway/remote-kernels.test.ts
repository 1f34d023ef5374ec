import { expect, it } from 'vitest';
import { silentLog, systemClock } from '../../../config/index.ts';
import type { GatewayClient } from './gateway-client.ts';
import { GatewayError } from './gateway-error.ts';
import { GATEWAY_TIMES } from './gateway-times.ts';
import { RemoteKernels } from './remote-kernels.ts';

const HERE = 'https://here.example';

function openFacts(): { get(): unknown; put(key: string, value: unknown): void; value: unknown } {
  const facts = { value: undefined as unknown, get: () => facts.value, put: (_key: string, value: unknown) => { facts.value = structuredClone(value); } };
  return facts;
}

const ids = (facts: { value: unknown }): string[] => (facts.value as { id: string }[]).map(({ id }) => id);

/** `answers` of DELETE in order; the last one is repeated. */
function openKernels(facts: ReturnType<typeof openFacts>, answers: ('ended' | 'unknown' | 'fails')[], url = HERE): { kernels: RemoteKernels; asked: string[] } {
  const asked: string[] = [];
  const client: Pick<GatewayClient, 'start' | 'end'> = {
    start: (wanted) => Promise.resolve(wanted),
    end: (id) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? 'fails';
      asked.push(id);
      return answer === 'fails' ? Promise.reject(new GatewayError('failing', 'no', { status: 500 })) : Promise.resolve(answer);
    },
  };
  const times = { ...GATEWAY_TIMES, firstPauseMs: 4, longestPauseMs: 4, stopMs: 1_000 };
  return { asked, kernels: new RemoteKernels({ url, client: client as GatewayClient, facts, clock: systemClock, log: silentLog, times, readyMs: 1_000 }) }; // proof: nothing else is called here
}

const never = new AbortController().signal;

it('notes a kernel before it asks for it, and forgets it when it is gone', async () => {
  const facts = openFacts();
  const { kernels } = openKernels(facts, ['ended']);

  await kernels.start('a', {}, never);
  const noted = ids(facts);
  await kernels.end('a');

  expect([noted, ids(facts)]).toEqual([['a'], []]);
});

it('asks again until the gateway lets go', async () => {
  const facts = openFacts();
  const { kernels, asked } = openKernels(facts, ['fails', 'fails', 'ended']);
  await kernels.start('a', {}, never);

  await kernels.end('a');

  await expect.poll(() => [asked, ids(facts)]).toEqual([['a', 'a', 'a'], []]);
});

it('keeps for the next start what a stop leaves, and ends it then', async () => {
  const facts = openFacts();
  const first = openKernels(facts, ['fails']);
  await first.kernels.start('a', {}, never);
  await first.kernels.end('a');
  await first.kernels.stop();
  const left = ids(facts);

  const next = openKernels(facts, ['unknown']);
  next.kernels.sweep();

  expect(left).toEqual(['a']);
  await expect.poll(() => [next.asked, ids(facts)]).toEqual([['a'], []]);
});

it('names kernels of one gateway to no other', async () => {
  const facts = openFacts();
  await openKernels(facts, ['fails']).kernels.start('a', {}, never);

  const elsewhere = openKernels(facts, ['unknown'], 'https://elsewhere.example');
  elsewhere.kernels.sweep();
  await elsewhere.kernels.stop();

  expect([elsewhere.asked, ids(facts)]).toEqual([[], ['a']]);
});

it('does not believe that a start which was given up made nothing', async () => {
  const facts = openFacts();
  facts.put('', [{ id: 'late', url: HERE, isMade: false, askedAtMs: systemClock.now().getTime() }]);
  const { kernels, asked } = openKernels(facts, ['unknown', 'unknown', 'ended']);

  kernels.sweep();

  await expect.poll(() => [asked.length, ids(facts)]).toEqual([3, []]);
});

it('starts with an empty ledger when the stored one is damaged', () => {
  const facts = openFacts();
  facts.put('', { not: 'a list' });

  expect(() => openKernels(facts, ['ended']).kernels.sweep()).not.toThrow();
});
