import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CONTEXT_OVERFLOW_WORDINGS, FAULTS, FAULT_ROWS, contextOverflow, createProvider, onWire, rateLimited, text } from '../support/provider/index.ts';
import type { Fault, Protocol, Provider } from '../support/provider/index.ts';
import { BODIES, CONTENT, HEADERS, KEY, PATHS, openaiBody, readText } from '../support/provider/samples.ts';
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


describe('faults', () => {
  const rows = FAULT_ROWS.flatMap(([name, fault]) => fault.protocols.map((protocol) => ({ name, protocol, fault: fault as Fault })));

  it.each(rows.filter(({ fault }) => fault.outcome === 'answer'))('$name carries the whole content ($protocol)', async ({ fault, protocol }) => {
    provider.script('ca-model', fault.reply(CONTENT));

    const { body, status, error } = await call(protocol);

    expect({ status, error }).toEqual({ status: 200, error: null });
    expect(readText(body)).toContain(CONTENT);
  });

  it.each(rows.filter(({ name }) => name.startsWith('status')))('$name is its status with the error body of $protocol', async ({ name, fault, protocol }) => {
    provider.script('ca-model', fault.reply(CONTENT));

    const { body, status } = await call(protocol);

    expect(status).toBe(Number(/\d+/.exec(name)![0]));
    expect(body).toMatch(name === 'status502Html' ? /^<!doctype html>/ : protocol === 'openai' ? /^\{"error":\{"message":/ : /^\{"type":"error","error":\{/);
    expect(body).not.toContain(CONTENT);
    expect(body.includes(KEY)).toBe(name === 'status401EchoesKey');
  });

  it.each(rows.filter(({ fault }) => fault.outcome === 'adapted'))('$name is a 400 ($protocol)', async ({ fault, protocol }) => {
    provider.script('ca-model', fault.reply(CONTENT));

    expect((await call(protocol)).status).toBe(400);
    expect(provider.violations).toEqual([]);
  });

  it.each(rows.filter(({ fault }) => fault.outcome === 'timeout'))('$name lasts until the client goes ($protocol)', async ({ name, fault, protocol }) => {
    provider.script('ca-model', fault.reply(CONTENT));
    const client = new AbortController();
    const pending = call(protocol, {}, client.signal);
    const request = await provider.nextRequest();

    provider.script('ca-model', 'meanwhile');
    const settled = await Promise.race([pending.then(() => 'ended'), call(protocol).then(() => 'standing')]);
    client.abort();
    await request.closed;

    const { status, body } = await pending;
    expect({ settled, state: request.state }).toEqual({ settled: 'standing', state: 'client_closed' });
    expect({ hasHead: status === 200, hasText: body !== '' }).toEqual({ hasHead: name !== 'stallBeforeHeaders', hasText: name === 'stallMidStream' });
  });

  it.each(rows.filter(({ fault }) => fault.outcome === 'broken'))('$name brings a part and no proper end ($protocol)', async ({ name, fault, protocol }) => {
    provider.script('ca-model', fault.reply(CONTENT));

    const { body, status, error } = await call(protocol);

    expect(status).toBe(200);
    expect(body).toContain('你好');
    expect(body).not.toMatch(/"finish_reason":"stop"|"stop_reason":"end_turn"/);
    expect(error).toBe(name === 'resetMidStream' || name === 'cutMidStream' ? 'ECONNRESET' : null);
  });

  it.each([
    ['openai', /data: \{"error":\{"message":"Overloaded"/],
    ['anthropic', /event: error\ndata: \{"type":"error","error":\{"type":"overloaded_error"/],
  ] as const)('puts an error object and broken JSON into the stream (%s)', async (protocol, shape) => {
    provider.script('ca-model', FAULTS.errorMidStream.reply(CONTENT), FAULTS.malformedJson.reply(CONTENT));

    const [error, malformed] = [await call(protocol), await call(protocol)];

    expect(error.body).toMatch(shape);
    expect(() => readText(malformed.body)).toThrow(SyntaxError);
  });

  it.each(['openai', 'anthropic'] as const)('connections break before the headers (%s)', async (protocol) => {
    provider.script('ca-model', FAULTS.resetBeforeHeaders.reply(''), FAULTS.closedBeforeHeaders.reply(''));

    const failures = [await call(protocol), await call(protocol)];

    expect(failures.map(({ status, reason }) => ({ status, reason }))).toEqual([
      { status: 0, reason: 'read ECONNRESET' },
      { status: 0, reason: 'socket hang up' },
    ]);
    expect(provider.requests.map((request) => request.state)).toEqual(['server_closed', 'server_closed']);
  });

  it('sends replies without an answer: nothing, blanks, reasoning, filters, an error first, a page', async () => {
    const names = ['emptyReply', 'whitespaceOnly', 'reasoningOnly', 'contentFilter', 'refused', 'errorAtStart'] as const;
    provider.script('ca-model', ...names.map((name) => FAULTS[name].reply(CONTENT)), FAULTS.htmlPageWith200.reply(CONTENT));

    const bodies = [];
    for (const _name of names) bodies.push((await call('openai')).body);
    const page = await call('openai');

    expect(bodies.map((body) => readText(body).trim())).toEqual(names.map(() => ''));
    expect(bodies[3]).toContain('"finish_reason":"content_filter"');
    expect(bodies[4]).toContain('"refusal":"I cannot');
    expect(bodies[5]).toMatch(/^data: \{"error":/);
    expect({ status: page.status, type: page.headers['content-type'] }).toEqual({ status: 200, type: 'text/html; charset=utf-8' });
  });

  it('says when to come back in seconds, as a date and in milliseconds', async () => {
    provider.script('ca-model', rateLimited('seconds', 2000), rateLimited('date', 60_000), rateLimited('ms', 40));

    const [seconds, date, milliseconds] = [await call('openai'), await call('openai'), await call('openai')];

    expect(seconds.headers['retry-after']).toBe('2');
    expect(Date.parse(date.headers['retry-after']!) - Date.now()).toBeGreaterThan(20_000);
    expect(milliseconds.headers['retry-after-ms']).toBe('40');
  });

  it('words context overflow as each service does', async () => {
    provider.script('ca-model', ...CONTEXT_OVERFLOW_WORDINGS.map((wording) => contextOverflow(wording)));

    for (const { message } of CONTEXT_OVERFLOW_WORDINGS) expect(JSON.parse((await call('openai')).body).error.message).toBe(message);
  });

  it('notices a client that follows a redirect to another origin', async () => {
    provider.script('ca-model', FAULTS.redirectToOtherOrigin.reply(''));

    const { status, headers } = await call('openai');
    await sendOnWire({ url: headers.location!.replace('localhost', '127.0.0.1'), body: openaiBody(), headers: HEADERS.openai });

    expect(status).toBe(307);
    expect(new URL(headers.location!).origin).not.toBe(provider.url);
    expect(provider.violations[0]).toMatchObject({ status: 404, headers: { authorization: `Bearer ${KEY}` } });
  });

  it('cuts where it is told to: single bytes, seven bytes, all at once, CRLF', async () => {
    const names = ['everyByteAlone', 'cutEverySevenBytes', 'oneWrite', 'crlfFrames'] as const;
    provider.script('ca-model', ...names.map((name) => FAULTS[name].reply(CONTENT)));

    const [bytes, sevens, whole, crlf] = [await call('openai'), await call('openai'), await call('openai'), await call('openai')];

    expect(new Set(bytes.pieces)).toEqual(new Set([1]));
    expect(Math.max(...sevens.pieces)).toBe(7);
    expect(whole.pieces).toHaveLength(1);
    expect(crlf.body.replaceAll('\r\n', '')).not.toContain('\n');
  });

  it('ends quirky streams as their names say', async () => {
    const names = ['noDone', 'noFinishButDone', 'twoFinishReasons', 'missingUsage', 'lateUsage', 'usageAfterDone', 'truncatedPrompt'] as const;
    provider.script('ca-model', ...names.map((name) => FAULTS[name].reply(CONTENT)));

    const bodies = new Map<string, string>();
    for (const name of names) bodies.set(name, (await call('openai')).body);

    const tail = (name: string) =>
      [...bodies.get(name)!.matchAll(/"finish_reason":"stop"|"usage":\{|\[DONE\]/g)].map(([hit]) => hit.replace(/\W/g, ''));
    expect(Object.fromEntries(names.map((name) => [name, tail(name)]))).toEqual({
      noDone: ['finish_reasonstop', 'usage'],
      noFinishButDone: ['usage', 'DONE'],
      twoFinishReasons: ['finish_reasonstop', 'finish_reasonstop', 'usage', 'DONE'],
      missingUsage: ['finish_reasonstop', 'DONE'],
      lateUsage: ['finish_reasonstop', 'usage', 'DONE'],
      usageAfterDone: ['finish_reasonstop', 'DONE', 'usage'],
      truncatedPrompt: ['finish_reasonstop', 'usage', 'DONE'],
    });
    expect(bodies.get('truncatedPrompt')).toContain('"prompt_tokens":64,');
  });

  it('carries a very long single delta whole', async () => {
    provider.script('ca-model', text('语'.repeat(400_000)));

    expect(readText((await call('openai')).body)).toHaveLength(400_000);
  });

  it('can break a reply that is not streamed', async () => {
    const single = { stream: false, stream_options: undefined };
    provider.script('ca-model', FAULTS.errorMidStream.reply(CONTENT), FAULTS.resetMidStream.reply(CONTENT), onWire({ usage: 'none' }, CONTENT));

    const [error, reset, bare] = [await call('openai', single), await call('openai', single), await call('openai', single)];

    expect(error.status).toBe(500);
    expect(reset.error).toBe('ECONNRESET');
    expect(JSON.parse(bare.body)).not.toHaveProperty('usage');
  });
});
