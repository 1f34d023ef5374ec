import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAULT_ROWS, createProvider, text, type FaultOutcome, type Provider } from '../../tests/support/provider/index.ts';
import { ModelError } from './port.ts';
import { KEY, drain, modelsFor, recordingContext, replyRequest, settingsFor } from './test-models.ts';

const CONTENT = 'Hello 世界, this is an answer.';
// Only silence waits for a deadline; everything else must not meet one on a busy machine.
const limitsFor = (outcome: FaultOutcome) => {
  const ms = outcome === 'timeout' ? 1_200 : 20_000;
  return { reply: { firstByteMs: ms, idleMs: ms, attempts: 2 } };
};

let provider: Provider;
beforeAll(async () => {
  provider = await createProvider();
  // The library is loaded by the first call, which takes longer than the short deadlines below.
  provider.enqueue(text('warm'), text('warm'));
  for (const protocol of ['openai', 'anthropic'] as const) {
    await drain(modelsFor(settingsFor(provider, protocol)).models.stream(replyRequest(), recordingContext(), AbortSignal.timeout(60_000)));
  }
});
afterAll(async () => {
  await provider.close();
});
beforeEach(() => provider.reset());

const ROWS = FAULT_ROWS.flatMap(([name, fault]) => fault.protocols.map((protocol) => ({ name, fault, protocol, outcome: fault.outcome })));
const rowsOf = (...outcomes: string[]) => ROWS.filter(({ outcome, name }) => outcomes.includes(outcome) && name !== 'stallMidStream');

async function run({ fault, protocol, outcome }: (typeof ROWS)[number]) {
  provider.enqueue(fault.reply(CONTENT));
  const context = recordingContext();
  const { models, waits } = modelsFor(settingsFor(provider, protocol), { limits: limitsFor(outcome) });
  provider.always(() => true, text('a second try'));
  const result = await drain(models.stream(replyRequest(), context, AbortSignal.timeout(60_000)));
  return { ...result, context, waits };
}

describe('the gateway over every fault of a provider', () => {
  it.each(rowsOf('answer'))('lives with $name ($protocol)', async (row) => {
    const { text: answer, error, parts, context } = await run(row);

    expect(error).toBeNull();
    expect(answer).toBe(row.name === 'fencedJson' ? `Here it is:\n\`\`\`json\n${CONTENT}\n\`\`\`\n` : CONTENT);
    expect(parts.filter(({ type }) => type === 'finish')).toHaveLength(1);
    expect(context.rows).toMatchObject([{ attempt: 1, finish: 'stop' }]);
    expect(context.rows[0]!.usage.output_tokens).toBeGreaterThan(0);
  });

  it.each(rowsOf('retried', 'timeout'))('tries again after $name ($protocol)', async (row) => {
    const { text: answer, error, context } = await run(row);

    expect(error).toBeNull();
    expect(answer).toBe('a second try');
    expect(context.notices).toEqual(['model_retry']);
    expect(context.rows.map(({ attempt, error: failure }) => [attempt, failure?.retryable])).toEqual([[1, true], [2, undefined]]);
  });

  it.each(rowsOf('refused'))('gives up at once after $name ($protocol)', async (row) => {
    const { error, context } = await run(row);

    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).retryable).toBe(false);
    expect(provider.requests).toHaveLength(1);
    expect(context.rows).toHaveLength(1);
    expect(JSON.stringify([(error as ModelError).message, (error as ModelError).cause ?? null, context.rows])).not.toContain(KEY);
    // A redirect that was followed would show here, with the key.
    expect(provider.violations).toEqual([]);
  });

  it.each([...rowsOf('broken'), ...ROWS.filter(({ name }) => name === 'stallMidStream')])('never repairs $name behind visible text ($protocol)', async (row) => {
    const { text: answer, error, parts, context } = await run(row);

    expect(answer).not.toBe('');
    expect(CONTENT.startsWith(answer)).toBe(true);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).kind).toBe(row.name === 'stallMidStream' ? 'timeout' : 'transport');
    expect(parts.some(({ type }) => type === 'finish')).toBe(false);
    expect(provider.requests).toHaveLength(1);
    expect(context.rows).toMatchObject([{ finish: 'error', estimated: true }]);
    expect(context.rows[0]!.usage.output_tokens).toBeGreaterThan(0);
  });

  it('tries a refused connection again', async () => {
    const { models } = modelsFor(settingsFor(provider), { limits: limitsFor('retried') });
    const context = recordingContext();
    await using _down = await provider.refuseConnections();

    const { error } = await drain(models.stream(replyRequest(), context, AbortSignal.timeout(60_000)));

    expect(error).toMatchObject({ kind: 'transport', retryable: true });
    expect(context.notices).toEqual(['model_retry']);
    // The first attempt may meet a connection that was kept open; the last one never reached anybody, so nothing was spent.
    expect(context.rows.at(-1)).toMatchObject({ attempt: 2, usage: { input_tokens: 0, output_tokens: 0 }, estimated: false });
  });
});
