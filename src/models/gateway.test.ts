import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createProvider, gate, onWire, rateLimited, status, text, usage, type Provider } from '../../tests/support/provider/index.ts';
import { createOfflineHints } from './offline/test-hints.ts';
import { KEY, OFFLINE, drain, modelsFor, recordingContext, replyRequest, settingsFor } from './test-models.ts';

const signal = () => AbortSignal.timeout(60_000);

let provider: Provider;
beforeAll(async () => {
  provider = await createProvider();
});
afterAll(async () => {
  await provider.close();
});
beforeEach(() => provider.reset());

describe('routing', () => {
  it('sends each agent to its own endpoint and repairs to the small model', async () => {
    const settings = settingsFor(provider);
    for (const [name, endpoint] of Object.entries(settings.endpoints)) {
      settings.endpoints[name as 'CA'] = { ...endpoint, model: `model-${name.toLowerCase()}` };
    }
    const { models } = modelsFor(settings);
    provider.always(() => true, text('ok'));

    for (const [agent, purpose] of [['CA', 'reply'], ['RMA', 'plan'], ['MA', 'memo'], ['EXP', 'consult'], ['CA', 'repair']] as const) {
      await models.collect(replyRequest({ agent, purpose }), recordingContext(), signal());
    }

    expect(provider.requests.map(({ model }) => model)).toEqual(['model-ca', 'model-rma', 'model-ma', 'model-exp', 'model-small']);
  });

  it('repairs with the model of the agent when no small one is set up', async () => {
    const settings = settingsFor(provider);
    settings.endpoints.SMALL = { ...OFFLINE, provider: 'custom' };
    provider.enqueue(text('ok'));

    await modelsFor(settings).models.collect(replyRequest({ purpose: 'repair' }), recordingContext(), signal());

    expect(provider.requests[0]!.model).toBe('tutor-1');
  });

  it('calls a custom server without a key and without authorization', async () => {
    await using open = await createProvider({ apiKey: null });
    const settings = settingsFor(open, 'custom');
    settings.endpoints.CA = { ...settings.endpoints.CA, apiKey: null };
    open.enqueue(text('ok'));

    const { text: answer } = await drain(modelsFor(settings).models.stream(replyRequest(), recordingContext(), signal()));

    expect(answer).toBe('ok');
    expect(open.requests[0]!.headers.authorization).toBeUndefined();
    expect(open.requests[0]!.path).toBe('/chat/completions');
  });

  it.each([
    ['LLM_MODEL', { model: null }],
    ['LLM_API_KEY', { apiKey: null }],
    ['LLM_BASE_URL', { baseUrl: 'https://user:pass@host' }],
  ])('refuses half a setup and names %s', async (setting, change) => {
    const settings = settingsFor(provider);
    settings.endpoints.CA = { ...settings.endpoints.CA, ...change };
    const { models } = modelsFor(settings);

    const { error } = await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(error).toMatchObject({ kind: 'not_configured', setting, retryable: false });
    expect(models.describe()).toMatchObject({ mode: 'provider', missing: setting });
  });

  it('answers with the offline tutor when neither key nor model is set', async () => {
    const settings = settingsFor(provider);
    settings.endpoints.CA = { ...OFFLINE, provider: 'custom' };
    const { models } = modelsFor(settings);
    const context = recordingContext();

    const { text: answer, parts } = await drain(models.stream(replyRequest({ hints: createOfflineHints() }), context, signal()));

    expect(answer).toMatch(/^@@judgement \{.*\}\n/);
    expect(parts.at(-1)).toMatchObject({ type: 'finish', reason: 'stop' });
    expect(context.rows).toMatchObject([{ model: 'offline-tutor', usage: { input_tokens: 0, output_tokens: 0 }, finish: 'stop' }]);
    expect(models.describe()).toEqual({ mode: 'offline', provider: null, model: null, missing: null });
    expect([models.isOffline('CA'), models.isOffline('RMA')]).toEqual([true, false]);
  });

  it('hands every key to whoever keeps secrets', () => {
    const onSecret = vi.fn<(value: string) => void>();

    modelsFor(settingsFor(provider), { onSecret });

    expect(new Set(onSecret.mock.calls.flat())).toEqual(new Set([KEY]));
  });
});

describe('retries', () => {
  it.each([
    ['seconds', 3000, 3000], ['ms', 1234, 1234], ['date', 15_000, 15_000], ['seconds', 90_000, 20_000],
  ] as const)('honours retry-after in %s (%d ms), for at most 20 s', async (form, wish, expected) => {
    const { models, waits } = modelsFor(settingsFor(provider));
    provider.enqueue(rateLimited(form, wish), text('ok'));

    const { text: answer } = await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(answer).toBe('ok');
    expect(waits).toHaveLength(1);
    // A date has whole seconds and is read a moment later, on a busy machine a long one.
    expect(waits[0]).toBeLessThanOrEqual(expected);
    expect(waits[0]).toBeGreaterThan(form === 'date' ? expected - 10_000 : expected - 1);
  });

  it('waits 0.5 s times two to the n, with jitter, where nothing is said', async () => {
    const { models, waits } = modelsFor(settingsFor(provider));
    provider.enqueue(status(500), status(503), text('ok'));
    const context = recordingContext();

    await drain(models.stream(replyRequest(), context, signal()));

    expect(waits).toEqual([250, 500]);
    expect(context.notices).toEqual(['model_retry', 'model_retry']);
  });

  it('does not wait beyond the deadline of the call', async () => {
    const { models, waits } = modelsFor(settingsFor(provider), { limits: { reply: { totalMs: 2000 } } });
    provider.enqueue(rateLimited('seconds', 5000));

    const { error } = await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(error).toMatchObject({ kind: 'rate_limit', retryAfterMs: 5000 });
    expect(waits).toEqual([]);
  });

  it('lets the fallback model answer after the last retry', async () => {
    const { models } = modelsFor(settingsFor(provider, 'openai', { fallbackModel: 'tutor-2' }));
    provider.script('tutor-1', status(500), status(500), status(500));
    provider.script('tutor-2', text('from the second'));
    const context = recordingContext();

    const { text: answer } = await drain(models.stream(replyRequest(), context, signal()));

    expect(answer).toBe('from the second');
    expect(context.notices).toEqual(['model_retry', 'model_retry', 'model_fallback']);
    expect(context.rows.map(({ model, attempt }) => [model, attempt])).toEqual([['tutor-1', 1], ['tutor-1', 2], ['tutor-1', 3], ['tutor-2', 4]]);
  });

  it('leaves a refused key to the person who can change it', async () => {
    const { models } = modelsFor(settingsFor(provider, 'openai', { fallbackModel: 'tutor-2' }));
    provider.enqueue(status(401));
    const context = recordingContext();

    const { error } = await drain(models.stream(replyRequest(), context, signal()));

    expect(error).toMatchObject({ kind: 'auth', setting: 'LLM_API_KEY' });
    expect(context.notices).toEqual([]);
  });

  it('tries again after text that nobody has seen', async () => {
    const { models } = modelsFor(settingsFor(provider));
    provider.enqueue(onWire({ finish: false, done: false }, text('{"half":')), text('{"whole":1}'));

    const reply = await models.collect(replyRequest({ purpose: 'plan', agent: 'RMA' }), recordingContext(), signal());

    expect(reply.text).toBe('{"whole":1}');
  });
});

describe('deadlines and cancelling', () => {
  it('ends the whole call in time although bytes keep coming', async () => {
    const { models } = modelsFor(settingsFor(provider), { limits: { reply: { totalMs: 2_000 } } });
    provider.enqueue([text('first '), gate('never')]);
    const context = recordingContext();

    const { text: answer, error } = await drain(models.stream(replyRequest(), context, signal()));

    expect(answer).toBe('first ');
    expect(error).toMatchObject({ kind: 'timeout', retryable: false });
    expect(context.rows).toMatchObject([{ finish: 'error', estimated: true }]);
  });

  it('closes the socket at once when cancelled, and counts what was streamed', async () => {
    const { models } = modelsFor(settingsFor(provider));
    const context = recordingContext();
    const controller = new AbortController();
    provider.enqueue([text('some words that were paid for'), gate('never')]);
    const stream = models.stream(replyRequest(), context, controller.signal)[Symbol.asyncIterator]();
    await stream.next();
    const request = await provider.nextRequest();

    const abortedAt = performance.now();
    controller.abort();
    const error: unknown = await stream.next().catch((failure: unknown) => failure);
    await request.closed;

    expect(error).toMatchObject({ kind: 'aborted' });
    expect(request.state).toBe('client_closed');
    expect(request.clientClosedAt! - abortedAt).toBeLessThan(10_000); // Not by its time limits, of which the first is 20 s.
    expect(context.rows).toMatchObject([{ finish: 'aborted', estimated: true, usage: { input_tokens: 10, output_tokens: 9 } }]);
  });

  it('closes the socket when the reader leaves, and writes the row once', async () => {
    const { models } = modelsFor(settingsFor(provider));
    const context = recordingContext();
    provider.enqueue([text('a head'), gate('never')]);

    for await (const part of models.stream(replyRequest(), context, signal())) if (part.type === 'text') break;
    const request = await provider.nextRequest();
    const state = await request.closed;

    expect(state).toBe('client_closed');
    expect(context.rows).toMatchObject([{ finish: 'aborted' }]);
  });

  it('sends nothing when it is cancelled before it begins', async () => {
    const context = recordingContext();

    const { error } = await drain(modelsFor(settingsFor(provider)).models.stream(replyRequest(), context, AbortSignal.abort()));

    expect(error).toMatchObject({ kind: 'aborted' });
    expect([provider.requests.length, context.rows.length]).toEqual([0, 0]);
  });

  it('stops waiting for a retry when cancelled', async () => {
    const controller = new AbortController();
    const { models } = modelsFor(settingsFor(provider), {
      wait: async () => {
        controller.abort();
        throw new Error('aborted');
      },
    });
    provider.enqueue(status(500));

    const { error } = await drain(models.stream(replyRequest(), recordingContext(), controller.signal));

    expect(error).toMatchObject({ kind: 'aborted' });
    expect(provider.requests).toHaveLength(1);
  });
});

describe('the ledger', () => {
  it('keeps what the provider counted, cached tokens included', async () => {
    const { models } = modelsFor(settingsFor(provider));
    provider.enqueue([text('ok'), usage({ prompt: 100, completion: 7, cached: 40 })]);
    const context = recordingContext({ repaired: true, manifest: { hash: 'x' } });

    const { parts } = await drain(models.stream(replyRequest(), context, signal()));

    expect(parts.at(-1)).toEqual({
      type: 'finish', reason: 'stop', estimated: false, usage: { input_tokens: 100, output_tokens: 7, cached_tokens: 40 },
    });
    expect(context.rows).toMatchObject([{
      turn_id: 'trn_1', session_id: 's1', agent: 'CA', purpose: 'reply', model: 'tutor-1', endpoint: `${provider.url}/v1/chat/completions`,
      repaired: true, manifest: { hash: 'x' }, estimated: false, usage: { input_tokens: 100, output_tokens: 7, cached_tokens: 40 },
    }]);
    expect(context.rows[0]!.ttft_ms).toBeLessThanOrEqual(context.rows[0]!.total_ms);
  });

  it('shows the row before the end of the stream', async () => {
    const { models } = modelsFor(settingsFor(provider));
    provider.enqueue(text('ok'));
    const context = recordingContext();
    let rowsAtFinish = -1;

    for await (const part of models.stream(replyRequest(), context, signal())) if (part.type === 'finish') rowsAtFinish = context.rows.length;

    expect(rowsAtFinish).toBe(1);
  });
});

describe('budgets', () => {
  it('refuses the next call of a turn that has used up its tokens, and only of that turn', async () => {
    const { models } = modelsFor(settingsFor(provider, 'openai', { turnTokenLimit: 150 }));
    provider.always(() => true, [text('ok'), usage({ prompt: 100, completion: 45 })]);
    await drain(models.stream(replyRequest(), recordingContext(), signal()));

    const same = await drain(models.stream(replyRequest(), recordingContext(), signal()));
    const other = await drain(models.stream(replyRequest(), recordingContext({ turnId: 'trn_2' }), signal()));

    expect(same.error).toMatchObject({ kind: 'budget', setting: 'LLM_TURN_TOKEN_LIMIT', retryable: false });
    expect(other.error).toBeNull();
    expect(provider.requests).toHaveLength(2);
  });

  it.each([
    ['LLM_SESSION_TOKEN_LIMIT', { sessionTokenLimit: 1000 }],
    ['LLM_DAY_TOKEN_LIMIT', { dayTokenLimit: 1000 }],
  ])('refuses beyond %s by the ledger', async (setting, change) => {
    const { models } = modelsFor(settingsFor(provider, 'openai', change), { tokensSince: () => 995 });

    const { error } = await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(error).toMatchObject({ kind: 'budget', setting });
    expect(provider.requests).toHaveLength(0);
  });
});
