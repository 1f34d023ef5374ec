import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createProvider, status, structured, text, toolCall, unsupportedFeature, usage, type Provider } from '../../tests/support/provider/index.ts';
import { initialShape } from './quirks.ts';
import type { ModelRequest } from './port.ts';
import { drain, memoryFacts, modelsFor, recordingContext, replyRequest, settingsFor } from './test-models.ts';

const SCHEMA = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };
const ANSWER = '{"answer":"42"}';
const planRequest = (change: Partial<ModelRequest> = {}): ModelRequest =>
  replyRequest({ agent: 'RMA', purpose: 'plan', structure: { name: 'plan', schema: SCHEMA }, ...change });
const signal = () => AbortSignal.timeout(60_000);

let provider: Provider;
beforeAll(async () => {
  provider = await createProvider({ extraParameters: ['thinking'] });
});
afterAll(async () => {
  await provider.close();
});
beforeEach(() => provider.reset());

function withModel(model: string, protocol: 'openai' | 'anthropic' | 'custom' = 'openai', temperature: number | null = null) {
  const settings = settingsFor(provider, protocol);
  const endpoint = { ...settings.endpoints.CA, model, temperature };
  return { ...settings, endpoints: { CA: endpoint, RMA: endpoint, MA: endpoint, EXP: endpoint, SMALL: endpoint } };
}

describe('the structured ladder', () => {
  it.each([
    ['tutor-1', 'openai' as const, { responseFormat: 'json_schema', forcedTool: null }],
    ['claude-1', 'anthropic' as const, { responseFormat: 'text', forcedTool: 'plan' }],
    ['deepseek-chat', 'openai' as const, { responseFormat: 'json_object', forcedTool: null }],
  ])('starts where the table says for %s', async (model, protocol, expected) => {
    provider.enqueue((request) => structured(ANSWER)(request));
    const { models } = modelsFor(withModel(model, protocol));

    const reply = await models.collect(planRequest(), recordingContext(), signal());

    expect(reply).toMatchObject({ text: ANSWER, toolCalls: [] });
    expect(provider.requests[0]!.plain).toMatchObject(expected);
    provider.assertClean();
  });

  it('steps down to the bottom when every rung is refused, and starts there for seven days', async () => {
    const facts = memoryFacts();
    let now = Date.parse('2026-01-01T00:00:00Z');
    const clock = { now: () => new Date(now), monotonicMs: () => performance.now() };
    const { models } = modelsFor(settingsFor(provider), { facts, clock });
    const context = recordingContext();
    provider.enqueue(unsupportedFeature('json_schema'), unsupportedFeature('tools'), unsupportedFeature('json_object'), text(ANSWER));

    const reply = await models.collect(planRequest(), context, signal());
    provider.enqueue(text(ANSWER));
    await models.collect(planRequest(), recordingContext(), signal());
    now += 8 * 24 * 3600 * 1000;
    provider.enqueue(text(ANSWER));
    await models.collect(planRequest(), recordingContext(), signal());

    expect(reply.text).toBe(ANSWER);
    expect(provider.requests.map(({ plain }) => [plain.responseFormat, plain.forcedTool])).toEqual([
      ['json_schema', null], ['text', 'plan'], ['json_object', null], ['text', null], ['text', null], ['json_schema', null],
    ]);
    expect(context.rows.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 4]);
    expect(context.notices).toEqual([]);
  });

  it('costs no attempt, so that a call with one attempt still succeeds', async () => {
    provider.enqueue(unsupportedFeature('json_schema'), (request) => structured(ANSWER)(request));
    const { models } = modelsFor(settingsFor(provider));

    const reply = await models.collect(planRequest({ purpose: 'repair' }), recordingContext(), signal());

    expect(reply.text).toBe(ANSWER);
  });

  it('starts where LLM_STRUCTURED says', async () => {
    provider.enqueue(text(ANSWER));
    const { models } = modelsFor(settingsFor(provider, 'openai', { structured: 'text' }));

    await models.collect(planRequest(), recordingContext(), signal());

    expect(provider.requests[0]!.plain).toMatchObject({ responseFormat: 'text', forcedTool: null });
  });

  it('reads an answer in prose although a tool was forced', async () => {
    provider.enqueue(text(ANSWER));
    const { models } = modelsFor(settingsFor(provider, 'openai', { structured: 'tool' }));

    expect(await models.collect(planRequest(), recordingContext(), signal())).toMatchObject({ text: ANSWER, reason: 'stop' });
  });
});

describe('quirks of endpoints', () => {
  it.each([
    ['max_tokens', 'tutor-1', ['max_tokens', 'max_completion_tokens']],
    ['max_completion_tokens', 'gpt-4o', ['max_completion_tokens', 'max_tokens']],
  ] as const)('flips the limit when %s is refused, and remembers it', async (feature, model, expected) => {
    const { models } = modelsFor(withModel(model));
    provider.enqueue(unsupportedFeature(feature), text('ok'), text('ok'));

    await drain(models.stream(replyRequest(), recordingContext(), signal()));
    await drain(models.stream(replyRequest(), recordingContext(), signal()));

    const sent = provider.requests.map(({ body }) => ['max_tokens', 'max_completion_tokens'].filter((name) => name in body).join());
    expect(sent).toEqual([...expected, expected[1]]);
  });

  it.each(['temperature', 'stream_options'] as const)('leaves %s out where it is refused', async (feature) => {
    const { models } = modelsFor(withModel('tutor-1', 'openai', 0.2));
    provider.enqueue(unsupportedFeature(feature), text('ok'), text('ok'));

    await drain(models.stream(replyRequest(), recordingContext(), signal()));
    await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(provider.requests.map(({ body }) => feature in body)).toEqual([true, false, false]);
  });

  it('leaves the switch for thinking out where it is refused', async () => {
    const { models } = modelsFor(withModel('glm-4.6', 'custom'));
    provider.enqueue(status(400, { error: { message: 'Unknown parameter: thinking' } }), text('ok'));

    await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(provider.requests.map(({ body }) => body['thinking'])).toEqual([{ type: 'disabled' }, undefined]);
  });

  it('does not ask again for ever when the same name is refused twice', async () => {
    const { models } = modelsFor(settingsFor(provider));
    provider.enqueue(unsupportedFeature('max_tokens'), unsupportedFeature('max_completion_tokens'));

    const { error } = await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(error).toMatchObject({ kind: 'bad_request' });
    expect(provider.requests).toHaveLength(2);
  });

  it('says that a model cannot call tools, and remembers it', async () => {
    const { models } = modelsFor(settingsFor(provider));
    provider.enqueue(unsupportedFeature('tools'));
    const tools = [{ name: 'finish', description: 'Ends.', inputSchema: { type: 'object' } }];

    const { error } = await drain(models.stream(replyRequest({ agent: 'EXP', purpose: 'consult', tools }), recordingContext(), signal()));

    expect(error).toMatchObject({ kind: 'tool', retryable: false });
    expect(models.supportsTools('EXP', 'consult')).toBe(false);
  });

  it.each([
    ['o3-mini', 'openai', { tokenParameter: 'max_completion_tokens', sendsTemperature: false, extra: { reasoning_effort: 'low' } }],
    ['gpt-5-mini', 'custom', { tokenParameter: 'max_completion_tokens', sendsTemperature: false }],
    ['gpt-4o', 'openai', { tokenParameter: 'max_completion_tokens', sendsTemperature: true }],
    ['gpt-4o', 'custom', { tokenParameter: 'max_tokens' }],
    ['glm-4.6', 'custom', { extra: { thinking: { type: 'disabled' } } }],
    ['glm-4-flash', 'custom', { extra: {} }],
    ['doubao-seed-1-6', 'custom', { extra: { thinking: { type: 'disabled' } } }],
    ['claude-opus-4-8', 'anthropic', { sendsTemperature: false }],
    ['claude-sonnet-4-5', 'anthropic', { sendsTemperature: true }],
    ['qwen-plus', 'custom', { tokenParameter: 'max_tokens', sendsTemperature: true, extra: {} }],
  ] as const)('knows %s behind %s', (model, protocol, expected) => {
    expect(initialShape({ provider: protocol, model })).toMatchObject(expected);
  });
});

describe('tools', () => {
  it.each(['openai', 'anthropic'] as const)('are offered, called with raw arguments, and answered (%s)', async (protocol) => {
    const tools = [{ name: 'finish', description: 'Ends.', inputSchema: { type: 'object', properties: { output: { type: 'object' } } } }];
    provider.enqueue([text('Let me see.'), toolCall('finish', '{"output": {"x": 1}}')], text('done'));
    const { models } = modelsFor(settingsFor(provider, protocol));
    const first = await models.collect(replyRequest({ agent: 'EXP', purpose: 'consult', tools, toolChoice: 'required' }), recordingContext(), signal());
    const call = first.toolCalls[0]!;

    const second = await models.collect(replyRequest({
      agent: 'EXP', purpose: 'consult', tools, toolChoice: { name: 'finish' },
      messages: [
        ...replyRequest().messages,
        { role: 'assistant', content: first.text, toolCalls: first.toolCalls },
        { role: 'tool', toolCallId: call.id, name: 'finish', content: 'accepted' },
      ],
    }), recordingContext(), signal());

    expect(first).toMatchObject({ text: 'Let me see.', reason: 'tool_calls', toolCalls: [{ name: 'finish', input: '{"output": {"x": 1}}' }] });
    expect(second.text).toBe('done');
    expect(provider.requests.map(({ plain }) => [plain.tools, plain.forcedTool])).toEqual([[['finish'], 'finish'], [['finish'], 'finish']]);
    provider.assertClean();
  });

  it('keeps truncated arguments as the model wrote them', async () => {
    const tools = [{ name: 'finish', description: 'Ends.', inputSchema: { type: 'object' } }];
    provider.enqueue(toolCall('finish', '{"output": {"x"'));
    const { models } = modelsFor(settingsFor(provider));

    const reply = await models.collect(replyRequest({ agent: 'EXP', purpose: 'consult', tools }), recordingContext(), signal());

    expect(reply.toolCalls).toMatchObject([{ name: 'finish', input: '{"output": {"x"' }]);
  });
});

describe('a window that is smaller than it seems', () => {
  const long = (): Partial<ModelRequest> => ({ messages: [{ role: 'user', content: 'word '.repeat(2400) }] });

  it('names a provider that cuts prompts silently, fails a call nobody has seen, and fits later ones', async () => {
    provider.enqueue([text('I see the end only.'), usage({ prompt: 4096 })]);
    const { models } = modelsFor(settingsFor(provider));
    const context = recordingContext({ estimatedInputTokens: 9000 });

    const failure = await models.collect(planRequest(long()), context, signal()).catch((error: unknown) => error);

    expect(failure).toMatchObject({ kind: 'context_truncated', setting: 'LLM_CONTEXT_TOKENS' });
    expect(context.notices).toEqual(['context_truncated']);
    expect(context.rows).toMatchObject([{ usage: { input_tokens: 4096 }, estimated: false, error: { kind: 'context_truncated' } }]);
    expect(models.windowFor('RMA', 'plan')).toBe(4096);
  });

  it.each([
    ['a count below every real window', [text('I see the end only.'), usage({ prompt: 700 })], 2048],
    ['an overflow that names less than any window', status(400, { error: { message: 'maximum context length is 600 tokens' } }), 32_000],
  ])('does not starve later calls after %s', async (_title, reply, window) => {
    provider.enqueue(reply);
    const { models } = modelsFor(settingsFor(provider));

    await models.collect(planRequest(long()), recordingContext({ estimatedInputTokens: 3400 }), signal()).catch(() => undefined);

    expect(models.windowFor('RMA', 'plan')).toBe(window);
  });

  it('lets an answer stand that is already visible', async () => {
    provider.enqueue([text('I see the end only.'), usage({ prompt: 1024 })]);
    const { models } = modelsFor(settingsFor(provider));
    const context = recordingContext({ estimatedInputTokens: 3400 });

    const { text: answer, error } = await drain(models.stream(replyRequest(long()), context, signal()));

    expect([answer, error]).toEqual(['I see the end only.', null]);
    expect(context.notices).toEqual(['context_truncated']);
  });

  it.each([[3400, 2100], [1900, 64]])('sees no cut in an estimate of %d and a count of %d', async (estimatedInputTokens, prompt) => {
    provider.enqueue([text('ok'), usage({ prompt })]);
    const { models } = modelsFor(settingsFor(provider));
    const context = recordingContext({ estimatedInputTokens });

    await models.collect(planRequest(), context, signal());

    expect(context.notices).toEqual([]);
  });

  it('learns the window that an overflow names', async () => {
    provider.enqueue(status(400, { error: { message: "This model's maximum context length is 8192 tokens. However, you sent 9041." } }));
    const { models } = modelsFor(settingsFor(provider));

    const { error } = await drain(models.stream(replyRequest(), recordingContext(), signal()));

    expect(error).toMatchObject({ kind: 'context_overflow', retryable: false });
    expect(models.windowFor('CA', 'reply')).toBe(8192);
  });

  it('learns how this model counts', async () => {
    provider.always(() => true, [text('ok'), usage({ prompt: 4000 })]);
    const { models } = modelsFor(settingsFor(provider));

    await models.collect(planRequest(long()), recordingContext({ estimatedInputTokens: 3400 }), signal());

    expect(models.estimateFactorFor('RMA', 'plan')).toBeCloseTo(4000 / 3350, 1);
  });
});
