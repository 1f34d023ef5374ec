import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { afterMs, chunks, companionReply, DEFAULT_WAIT_MS, createProvider, finish, gate, memoReply, planReply, reasoning, structured, text, toolCall, usage, within } from '../support/provider/index.ts';
import type { Protocol, Provider } from '../support/provider/index.ts';
import { BODIES, HEADERS, KEY, PATHS, anthropicBody, openaiBody, readText } from '../support/provider/samples.ts';
import { sendOnWire } from '../support/wire-client.ts';

let provider: Provider;
beforeEach(async () => {
  provider = await createProvider({ apiKey: KEY });
});
afterEach(async () => {
  await provider.close();
});

const call = (protocol: Protocol, extra: object = {}, signal?: AbortSignal) =>
  sendOnWire({ url: provider.url + PATHS[protocol], body: BODIES[protocol](extra), headers: HEADERS[protocol], signal });


describe('replies', () => {
  it('streams chat completions with role, deltas, finish reason, usage and terminator', async () => {
    provider.script('ca-model', [reasoning('hm'), chunks(['a', 'b']), toolCall('look', { at: 1 }), usage({ prompt: 9, completion: 4 })]);

    const { body, status } = await call('openai');

    const events = body.trimEnd().split('\n\n').map((frame) => frame.replace(/^data: /, ''));
    const deltas = events.slice(0, -2).map((json) => JSON.parse(json).choices[0]);
    expect(status).toBe(200);
    expect(deltas[0].delta).toEqual({ role: 'assistant', content: '' });
    expect(deltas[1].delta).toEqual({ reasoning_content: 'hm' });
    expect(deltas.map((choice) => choice.delta.content ?? '').join('')).toBe('ab');
    expect(deltas.flatMap((choice) => choice.delta.tool_calls ?? []).map((part) => part.function.arguments).join('')).toBe('{"at":1}');
    expect(deltas.at(-1).finish_reason).toBe('tool_calls');
    expect(JSON.parse(events.at(-2)!)).toMatchObject({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 } });
    expect(events.at(-1)).toBe('[DONE]');
    provider.assertClean();
  });

  it('streams messages as named events with numbered blocks', async () => {
    provider.script('ca-model', [reasoning('hm'), chunks(['a', 'b']), toolCall('look', {}), finish('length')]);

    const { body } = await call('anthropic');

    const events = body.trimEnd().split('\n\n').map((frame) => /^event: (\w+)\ndata: (.*)$/.exec(frame)!);
    const parsed = events.map(([, , json]) => JSON.parse(json!));
    expect(events.map(([, name]) => name)).toEqual(parsed.map((event) => event.type));
    expect(parsed.map((event) => event.type.replace('content_block_', '') + (event.index ?? ''))).toEqual([
      'message_start', 'ping', 'start0', 'delta0', 'delta0', 'stop0', 'start1', 'delta1', 'delta1', 'stop1',
      'start2', 'delta2', 'delta2', 'stop2', 'message_delta', 'message_stop',
    ]);
    expect(parsed.at(-2).delta.stop_reason).toBe('max_tokens');
  });

  it.each([
    [
      'openai',
      { stream: false, stream_options: undefined },
      {
        choices: [{ finish_reason: 'tool_calls', message: { content: 'ab', tool_calls: [{ function: { arguments: '{"at":1}' } }] } }],
        usage: { prompt_tokens: 9, completion_tokens: 4, total_tokens: 13 },
      },
    ],
    [
      'anthropic',
      { stream: false },
      {
        stop_reason: 'tool_use',
        content: [{ text: 'ab' }, { name: 'look', input: { at: 1 } }],
        usage: { input_tokens: 9, output_tokens: 4 },
      },
    ],
  ] as const)('answers %s in one body without streaming', async (protocol, extra, expected) => {
    provider.script('ca-model', [chunks(['a', 'b']), toolCall('look', { at: 1 }), usage({ prompt: 9, completion: 4 })]);

    const { body, headers } = await call(protocol, extra);

    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(body)).toMatchObject(expected);
  });

  it('reports usage only to callers who ask for it', async () => {
    provider.script('ca-model', 'a');

    const { body } = await call('openai', { stream_options: undefined });

    expect(body).not.toContain('usage');
  });

  it('counts Han characters as about a token each and caps the prompt of a model that truncates', async () => {
    await using small = await createProvider({ models: { 'ca-model': { truncatesAt: 50 } } });
    small.always('ca-model', 'ok');

    const { body } = await sendOnWire({ url: `${small.url}/chat/completions`, body: openaiBody({ messages: [{ role: 'user', content: '你'.repeat(3000) }] }), headers: HEADERS.openai });

    expect(small.requests[0]!.promptTokens).toBeGreaterThan(2500);
    expect(body).toContain('"prompt_tokens":50,');
  });

  it('takes single replies in order before standing ones and turns down what no script is meant for', async () => {
    provider.always('ca-model', 'standing');
    provider.script('ca-model', 'first', (request) => `second of ${request.lastMessage}`);

    const texts = [];
    for (let turn = 0; turn < 3; turn += 1) texts.push(readText((await call('openai')).body));
    const stranger = await call('openai', { model: 'rma-model' });

    expect(texts).toEqual(['first', 'second of hello', 'standing']);
    expect(stranger.status).toBe(500);
    expect(provider.unexpected.map((request) => request.model)).toEqual(['rma-model']);
    expect(() => provider.assertClean()).toThrow(/rma-model/);
  });

  it('tells that a script itself failed', async () => {
    provider.script('ca-model', () => {
      throw new Error('bad script');
    });

    expect((await call('openai')).status).toBe(500);
    expect(() => provider.assertClean()).toThrow(/bad script/);
  });

  it('answers a structured request on the rung it stands on', async () => {
    provider.always('ca-model', structured(planReply()));
    const tools = [{ type: 'function', function: { name: 'answer', parameters: { type: 'object', properties: {} } } }];

    const plain = await call('openai');
    const forced = await call('openai', { tools, tool_choice: { type: 'function', function: { name: 'answer' } } });

    expect(JSON.parse(readText(plain.body)).packet.lock_until).toBe('checkpoint_reached');
    expect(forced.body).toContain('"finish_reason":"tool_calls"');
  });

  it('builds companion and memo replies that can leave parts out', () => {
    expect(companionReply({ judgement: { skip: 'asked' }, prose: 'Hi', record: null })).toBe(
      '@@judgement {"checkpoint":false,"blocker":"none","sentiment":"engaged","consult":"","skip":"asked"}\nHi',
    );
    expect(companionReply({ judgement: null, prose: 'Hi', record: '{broken' })).toBe('Hi\n@@record\n{broken\n@@end\n');
    expect(JSON.parse(memoReply({ memory_delta: 'x' }))).toMatchObject({ memory_delta: 'x', progress_delta: 'none' });
  });
});

describe('observation', () => {
  it('stands at a gate until the test opens it, with the first bytes out and the exchange open', async () => {
    provider.script('ca-model', [text('before'), gate('middle'), text('after')]);

    const pending = call('openai');
    await provider.reached('middle');
    const request = await provider.nextRequest('ca-model');
    const standing = { state: request.state, sockets: provider.openSockets(), hasFirstByte: request.firstByteAt !== null };
    provider.release('middle');

    expect(readText((await pending).body)).toBe('beforeafter');
    expect(standing).toEqual({ state: 'open', sockets: 1, hasFirstByte: true });
    expect(await within(request.closed, DEFAULT_WAIT_MS, () => 'still open')).toBe('completed');
  });

  it.each(['openai', 'anthropic'] as const)('sees at once that a client of %s has gone', async (protocol) => {
    provider.script('ca-model', [text('before'), gate('never'), text('after')]);
    const client = new AbortController();
    const pending = call(protocol, {}, client.signal);
    await provider.reached('never');

    client.abort();
    const request = await provider.nextRequest();
    const state = await within(request.closed, DEFAULT_WAIT_MS, () => 'still open');
    await pending;
    await provider.idle();
    await provider.drained();

    expect(state).toBe('client_closed');
    expect(provider.openSockets()).toBe(0);
  });

  it('names what is missing when a wait ends without success', async () => {
    await expect(provider.nextRequest('rma-model', 20)).rejects.toThrow(/no further matching request; requests \[\]/);
    await expect(provider.reached('nowhere', 20)).rejects.toThrow(/"nowhere"/);
  });

  it('refuses connections and takes them again on the same port', async () => {
    provider.always('ca-model', 'back');
    const refusal = await provider.refuseConnections();
    const refused = await call('openai');
    await refusal[Symbol.asyncDispose]();

    expect(refused.error).toBe('ECONNREFUSED');
    expect(readText((await call('openai')).body)).toBe('back');
  });

  it('ends standing exchanges when it is closed', async () => {
    provider.script('ca-model', [text('before'), gate('never')]);
    const pending = call('openai');
    await provider.reached('never');

    await provider.close();

    expect((await pending).error).toBe('ECONNRESET');
    expect(provider.requests[0]!.state).toBe('server_closed');
  });

  it('can pace a reply by time, for benchmarks', async () => {
    provider.script('ca-model', [text('a'), afterMs(30), text('b')]);

    await call('openai');

    const request = provider.requests[0]!;
    await request.closed;
    expect(request.endedAt! - request.firstByteAt!).toBeGreaterThanOrEqual(28);
  });
});

describe('strictness', () => {
  const user = { role: 'user', content: 'x' };
  const assistant = { role: 'assistant', content: 'y' };
  const tool = (parameters: object, extra: object = {}) => ({ type: 'function', function: { name: 't', parameters, ...extra } });
  const format = (schema: object) => ({ type: 'json_schema', json_schema: { name: 'plan', schema, strict: true } });
  const toolTurn = { role: 'assistant', content: null, tool_calls: [{ id: 'c1', type: 'function', function: { name: 't', arguments: '{}' } }] };

  it.each([
    ['an unknown parameter', { foo: 1 }, /Unrecognized request argument supplied: foo/],
    ['a temperature out of range', { temperature: 2.5 }, /temperature/],
    ['no messages', { messages: [] }, /messages/],
    ['an unknown role', { messages: [{ role: 'expert', content: 'x' }] }, /role/],
    ['a late system message', { messages: [user, { role: 'system', content: 'x' }] }, /System message must be at the beginning/],
    ['two users in a row', { messages: [user, user] }, /must alternate/],
    ['an assistant at the end', { messages: [user, assistant] }, /last message/],
    ['a tool result without its call', { messages: [user, { role: 'tool', tool_call_id: 'c1', content: 'x' }] }, /'tool_calls'/],
    ['a call without its result', { messages: [user, toolTurn, user] }, /must be followed/],
    ['stream options without a stream', { stream: false }, /stream_options/],
    ['a tool choice without tools', { tool_choice: 'auto' }, /tool_choice/],
    ['a forced tool that is not there', { tools: [tool({ type: 'object' })], tool_choice: { type: 'function', function: { name: 'u' } } }, /not found/],
    ['tool parameters that are no object', { tools: [tool({ type: 'string' })] }, /Invalid schema for function/],
    ['a strict tool with open objects', { tools: [tool({ type: 'object', properties: {} }, { strict: true })] }, /additionalProperties/],
    ['json_object without the word', { response_format: { type: 'json_object' } }, /must contain the word 'json'/],
    ['a strict schema with optional keys', { response_format: format({ type: 'object', properties: { a: {} }, additionalProperties: false }) }, /Missing 'a'/],
    ['an unknown response format', { response_format: { type: 'xml' } }, /response_format/],
    ['both output limits', { max_completion_tokens: 5 }, /max_tokens/],
    ['half an emoji', { messages: [{ role: 'user', content: '🙂'.slice(0, 1) }] }, /lone surrogate/],
    ['the key in a message', { messages: [{ role: 'user', content: `use ${KEY}` }] }, /API key/],
  ])('chat completions: refuses %s', async (_title, extra, message) => {
    provider.always('ca-model', 'too kind');

    const { status, body } = await call('openai', extra);

    expect(status).toBe(400);
    expect(JSON.parse(body).error.message).toMatch(message);
    expect(provider.violations).toHaveLength(1);
  });

  it('chat completions: accepts a whole tool conversation', async () => {
    provider.always('ca-model', 'fine');
    const messages = [user, toolTurn, { role: 'tool', tool_call_id: 'c1', content: '3' }, assistant, user];

    const { status } = await call('openai', { messages, tools: [tool({ type: 'object' })], tool_choice: 'auto' });

    expect(status).toBe(200);
  });

  it.each([
    ['no max_tokens', { max_tokens: undefined }, /^max_tokens: Field required/],
    ['a system role', { messages: [{ role: 'system', content: 'x' }] }, /Unexpected role/],
    ['an assistant first', { messages: [assistant] }, /first message must use the "user" role/],
    ['two users in a row', { messages: [user, user] }, /roles must alternate/],
    ['a prefilled answer', { messages: [user, assistant] }, /prefill/],
    ['blank text', { messages: [{ role: 'user', content: ' ' }] }, /non-empty/],
    ['an unknown parameter', { response_format: {} }, /response_format: Extra inputs are not permitted/],
    ['a temperature out of range', { temperature: 1.5 }, /temperature/],
    ['five cache marks', { messages: [{ role: 'user', content: Array.from({ length: 4 }, () => ({ type: 'text', text: 'x', cache_control: { type: 'ephemeral' } })) }] }, /Found 5/],
    ['a stray tool result', { messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'u1' }] }] }, /unexpected `tool_use_id`/],
    ['thinking that leaves no room', { thinking: { type: 'enabled', budget_tokens: 1024 } }, /greater than/],
  ])('messages: refuses %s', async (_title, extra, message) => {
    const { status, body } = await call('anthropic', extra);

    expect(status).toBe(400);
    expect(JSON.parse(body)).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
    expect(JSON.parse(body).error.message).toMatch(message);
    expect(provider.violations).toHaveLength(1);
  });

  it.each([
    { title: 'a missing key', protocol: 'openai', change: { authorization: '' }, expected: 401 },
    { title: 'a wrong key', protocol: 'openai', change: { authorization: 'Bearer other' }, expected: 401 },
    { title: 'another content type', protocol: 'openai', change: { 'content-type': 'text/plain' }, expected: 400 },
    { title: 'a missing key', protocol: 'anthropic', change: { 'x-api-key': '' }, expected: 401 },
    { title: 'no version', protocol: 'anthropic', change: { 'anthropic-version': undefined }, expected: 400 },
    { title: 'another version', protocol: 'anthropic', change: { 'anthropic-version': '2024-01-01' }, expected: 400 },
  ] as const)('refuses $title ($protocol)', async ({ protocol, change, expected }) => {
    const changed = Object.entries({ ...HEADERS[protocol], ...change }).filter(([, value]) => value !== undefined);
    const headers = Object.fromEntries(changed) as Record<string, string>;

    const { status } = await sendOnWire({ url: provider.url + PATHS[protocol], body: BODIES[protocol](), headers: headers });

    expect(status).toBe(expected);
    expect(provider.violations.map((violation) => violation.status)).toEqual([expected]);
  });

  it.each([
    ['/v1/v1/chat/completions', openaiBody()],
    ['/messages', anthropicBody()],
  ])('knows no path %s', async (path, body) => {
    expect((await sendOnWire({ url: provider.url + path, body: body, headers: HEADERS.openai })).status).toBe(404);
    expect(provider.violations).toHaveLength(1);
  });

  it('refuses broken JSON and models it does not have', async () => {
    await using other = await createProvider({ models: { 'rma-model': {} } });

    expect((await sendOnWire({ url: provider.url + PATHS.openai, body: '{', headers: HEADERS.openai })).status).toBe(400);
    expect((await sendOnWire({ url: other.url + PATHS.openai, body: openaiBody(), headers: HEADERS.openai })).status).toBe(404);
    expect((await sendOnWire({ url: other.url + PATHS.anthropic, body: anthropicBody(), headers: HEADERS.anthropic })).body).toContain('"message":"model: ca-model"');
  });

  it('lets a client find out what a model refuses without calling it a violation', async () => {
    await using picky = await createProvider({ models: { 'ca-model': { refuses: ['max_tokens', 'json_schema'], contextTokens: 200 } } });
    picky.always('ca-model', 'ok');
    const ask = async (extra: object) => await sendOnWire({ url: picky.url + PATHS.openai, body: openaiBody(extra), headers: HEADERS.openai });

    const refused = await ask({});
    const tooLong = await ask({ max_tokens: undefined, messages: [{ role: 'user', content: 'word '.repeat(300) }] });
    const accepted = await ask({ max_tokens: undefined, max_completion_tokens: 50 });

    expect(JSON.parse(refused.body).error).toMatchObject({ param: 'max_tokens', code: 'unsupported_parameter' });
    expect(JSON.parse(tooLong.body).error.code).toBe('context_length_exceeded');
    expect(accepted.status).toBe(200);
    picky.assertClean();
  });
});
