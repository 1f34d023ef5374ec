import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TOKEN, startComposed } from '../support/composed-server.ts';
import type { ComposedTestServer } from '../support/composed-server.ts';
import { sendBytes } from '../support/raw-http.ts';
import type { RawAnswer } from '../support/raw-http.ts';

const MIB = 1024 * 1024;

let server: ComposedTestServer;
let sessionId: string;
beforeAll(async () => {
  server = await startComposed();
  sessionId = await server.create();
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
});

const verdict = (answer: RawAnswer): string => `${answer.status} ${answer.json().code}`;
const at = (path: string): string => `/api/session/${sessionId}${path}`;
const post = async (target: string, body: string | Buffer, headers: Record<string, string | readonly string[]> = { 'content-type': 'application/json' }) =>
  await server.request('POST', target, { body, headers });
const growth = async (work: () => Promise<unknown>): Promise<number> => {
  const before = process.memoryUsage.rss();
  await work();
  return (process.memoryUsage.rss() - before) / MIB;
};

describe('media types (S16, S19)', () => {
  it.each([
    'text/plain', 'text/plain;charset=utf-8', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/json', 'application/json-patch+json',
    'application/jsonx', ' ', 'application/xml',
  ])('refuses %j for JSON, so that no page can send it without a preflight', async (type) => {
    expect(verdict(await post(at('/skip-task'), '{"reason":"太难了"}', { 'content-type': type }))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
  });

  it('refuses a body without a type, and takes an absent body as an empty object', async () => {
    expect(verdict(await post(at('/reattach'), '{}', {}))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
    expect((await server.request('POST', at('/reattach'))).status).toBe(200);
    expect((await post(at('/reattach'), '')).status).toBe(200);
    expect((await post(at('/reattach'), '{}', { 'content-type': 'Application/JSON; charset=UTF-8' })).status).toBe(200);
  });

  it.each(['gzip', 'deflate', 'br', 'identity, gzip'])('refuses a body in %s', async (encoding) => {
    expect(verdict(await post(at('/reattach'), 'xxxx', { 'content-type': 'application/json', 'content-encoding': encoding }))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
  });

  it('refuses JSON for an upload', async () => {
    expect(verdict(await post(at('/upload'), '{}'))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
    expect(verdict(await post(at('/upload'), 'x', { 'content-type': 'multipart/mixed; boundary=x' }))).toBe('415 UNSUPPORTED_MEDIA_TYPE');
  });
});

describe('JSON (S18)', () => {
  it.each([
    ['__proto__', '{"__proto__":{"polluted":1}}'], ['a deep __proto__', '{"desktop_context":{"bundle_paths":{"__proto__":{"polluted":1}}}}'],
    ['constructor.prototype', '{"constructor":{"prototype":{"polluted":1}}}'], ['an escaped __proto__', String.raw`{"\u005f_proto__":{"polluted":1}}`],
    ['depth 10000', `${'['.repeat(10_000)}${']'.repeat(10_000)}`], ['objects of depth 65', `${'{"a":'.repeat(65)}1${'}'.repeat(65)}`],
    ['a hundred thousand keys', `{${Array.from({ length: 100_000 }, (_, index) => `"${index.toString(36)}":1`).join(',')}}`],
    ['an array of keys', JSON.stringify({ a: Array.from({ length: 10_001 }, () => ({ k: 1 })) })],
  ])('refuses %s and pollutes nothing', async (_title, body) => {
    const answer = await post(at('/reattach'), body);

    expect(verdict(answer)).toBe('400 BAD_REQUEST');
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
    expect((Object as unknown as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it.each([
    ['half an object', '{"a":'], ['a trailing comma', '{"a":1,}'], ['NaN', '{"a":NaN}'], ['no JSON', 'hello'],
    ['bytes that are no UTF-8', Buffer.from([0x22, 0xff, 0x22])],
  ])('refuses %s', async (_title, body) => {
    expect(verdict(await post(at('/reattach'), body))).toBe('400 INVALID_JSON');
  });

  it.each(['[]', '"text"', '7', 'true'])('refuses %s where an object belongs', async (body) => {
    expect(verdict(await post(at('/reattach'), body))).toBe('422 VALIDATION_FAILED');
  });

  it('takes brackets inside texts for what they are, and null for absent at every depth', async () => {
    const text = JSON.stringify({ reason: null, reason_text: `${'['.repeat(100)}\\"` });
    const nulls = { desktop_context: { chapter_scope: { chapter_id: null, scope_id: null }, bundle_paths: null, prompt_sources: { interaction_protocol_candidates: null } }, backend_url: null, auth_token: null };

    expect((await post(at('/skip-task'), text)).status).toBe(200);
    expect((await post(at('/reattach'), JSON.stringify(nulls))).status).toBe(200);
    expect((await post(at('/reattach'), 'null')).status).toBe(200);
    expect((await post(at('/reattach'), '\ufeff{}')).status).toBe(200);
  });

  it('takes a body of a million small numbers without holding on to it', async () => {
    expect(verdict(await post(at('/reattach'), `[${'0,'.repeat(500_000)}0]`))).toBe('422 VALIDATION_FAILED');
  });
});

describe('size (S19)', () => {
  const chunked = async (target: string, bytes: number, type = 'application/json'): Promise<RawAnswer> => {
    const piece = Buffer.alloc(64 * 1024, 0x20);
    const pieces = Array.from({ length: Math.ceil(bytes / piece.length) }, () => [Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]).flat();
    return await sendBytes(server.port, [
      `POST ${target} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: ${type}\r\nTransfer-Encoding: chunked\r\n\r\n`,
      ...pieces, '0\r\n\r\n',
    ]);
  };

  it.each([
    ['JSON', 'POST', '/reattach', MIB, 'application/json'], ['a file', 'PUT', '/workspace/files/a.py', 8 * MIB, 'application/json'],
    ['an upload', 'POST', '/upload', 6 * MIB, 'multipart/form-data; boundary=x'],
  ] as const)('refuses %s above its cap by the declared length, before a byte is read', async (_title, method, path, cap, type) => {
    const answer = await sendBytes(server.port, [
      `${method} ${at(path)} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: ${type}\r\nContent-Length: ${cap + 1}\r\n\r\n`,
    ]);

    expect(verdict(answer)).toBe('413 PAYLOAD_TOO_LARGE');
  });

  it('refuses a body without a length as soon as it passes the cap, in bounded memory', async () => {
    const grown = await growth(async () => expect(verdict(await chunked(at('/reattach'), 24 * MIB))).toBe('413 PAYLOAD_TOO_LARGE'));

    expect(grown).toBeLessThan(120); // the bytes themselves are made in this process too
  });

  it('refuses an upload whose framing alone passes the cap', async () => {
    expect(verdict(await chunked(at('/upload'), 8 * MIB, 'multipart/form-data; boundary=never'))).toBe('413 PAYLOAD_TOO_LARGE');
  });

  it('answers a refusal before the guard also when a large body is on its way', async () => {
    const answer = await server.request('PUT', at('/workspace/files/a.py'), {
      authorization: 'Bearer wrong', headers: { 'content-type': 'application/json', connection: 'keep-alive' }, body: Buffer.alloc(4 * MIB, 0x20),
    });

    expect(verdict(answer)).toBe('401 TOKEN_REQUIRED');
  });
});

describe('broken requests (S20)', () => {
  const head = (lines: readonly string[], method = 'POST'): string =>
    `${method} /api/session/new HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Type: application/json\r\n${lines.join('\r\n')}\r\n\r\n{}`;

  it.each([
    ['a length beside chunks', () => head(['Content-Length: 2', 'Transfer-Encoding: chunked'])],
    ['two lengths', () => head(['Content-Length: 2', 'Content-Length: 3'])],
    ['two equal lengths', () => head(['Content-Length: 2', 'Content-Length: 2'])],
    ['a negative length', () => head(['Content-Length: -2'])],
    ['a length in hex', () => head(['Content-Length: 0x2'])],
    ['a folded header', () => head(['X-A: b', ' c', 'Content-Length: 2'])],
    ['bare line feeds', () => head(['Content-Length: 2']).replaceAll('\r\n', '\n')],
    ['one bare line feed', () => head(['X-A: b\nX-B: c', 'Content-Length: 2'])],
    ['a space before the colon', () => head(['Content-Length : 2'])],
    ['NUL in a header', () => head(['X-A: a\0b', 'Content-Length: 2'])],
    ['a control character in the target', () => head(['Content-Length: 2']).replace('/api/session/new', '/api/\x01')],
    ['chunks of no size', () => `${head(['Transfer-Encoding: chunked']).slice(0, -2)}zz\r\n{}\r\n0\r\n\r\n`],
    ['another transfer coding', () => head(['Transfer-Encoding: gzip'])],
    ['no HTTP', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['headers above 16 KiB', () => head([`X-A: ${'a'.repeat(17_000)}`, 'Content-Length: 2'])],
    ['an unknown expectation in no form', () => head(['Expect'])],
  ])('refuses %s and ends the connection', async (_title, bytes) => {
    const before = await server.folders();

    const answer = await sendBytes(server.port, [Buffer.from(bytes(), 'latin1')]);

    expect(verdict(answer)).toBe('400 BAD_REQUEST');
    expect([answer.header('connection'), answer.header('x-content-type-options'), answer.header('cache-control')]).toEqual(['close', 'nosniff', 'no-store']);
    expect(answer.header('x-request-id')).toMatch(/^req_/);
    expect(await server.folders()).toEqual(before);
  });

  it('never writes a second head into a stream of events', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.write(`GET ${at('/events')} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`);
    let text = '';
    await new Promise<void>((resolve, reject) => {
      socket.setTimeout(60_000, () => reject(new Error('the stream did not end')));
      socket.on('data', (chunk) => {
        if (text === '') socket.write('\0 this is no request\r\n\r\n');
        text += chunk.toString();
      });
      socket.on('error', () => undefined);
      socket.once('close', () => resolve());
    });

    expect(text.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('answers an unknown expectation like any other request', async () => {
    const answer = await server.request('GET', '/api/sessions', { headers: { expect: 'a-pony' } });

    expect(answer.status).toBe(200);
  });
});

describe('names with control characters (S24)', () => {
  it.each(['a\r\nx-injected: 1', 'a\0b', 'a\nb', '\u202ecod.py', '\ud800.py'])('are refused in paths and change no header: %j', async (name) => {
    const encoded = name.isWellFormed() ? encodeURIComponent(name) : '%ED%A0%80.py';
    const answers = [
      await server.request('GET', at(`/workspace/files/${encoded}?raw=true`)),
      await server.request('PUT', at(`/workspace/files/${encoded}`), { json: { content: 'x' } }),
      await server.request('DELETE', at(`/files/${encoded}`)),
      await server.request('POST', at('/workspace/move'), { json: { from: name, to: 'b.py' } }),
    ];

    for (const answer of answers) {
      expect([answer.status, answer.header('x-injected')]).toEqual([400, undefined]);
      expect(answer.body).not.toContain('injected');
    }
  });

  it.each(['a\r\nb', 'a b', '../x', 'x'.repeat(65), '', 'ü'])('are refused in client_turn_id: %j', async (clientTurnId) => {
    const answer = await server.request('POST', at('/message/stream'), { json: { message: 'hello', client_turn_id: clientTurnId } });

    expect(verdict(answer)).toBe('422 VALIDATION_FAILED');
  });

  it('in the id of an event only reset the stream', async () => {
    const answer = await server.request('GET', at('/events'), { headers: { 'last-event-id': '1.1\u0085' } });

    expect([answer.status, answer.header('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
  });
});

describe('multipart (S40, S41, S42)', () => {
  const BOUNDARY = 'xxBOUNDARYxx';
  const type = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
  const part = (name: string, content: string | Buffer, field = 'files'): Buffer => Buffer.concat([
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${field}"; filename="${name}"\r\nContent-Type: text/csv\r\n\r\n`),
    Buffer.from(content), Buffer.from('\r\n'),
  ]);
  const END = Buffer.from(`--${BOUNDARY}--\r\n`);
  const upload = async (parts: readonly Buffer[], headers: Record<string, string> = type) => await post(at('/upload'), Buffer.concat(parts), headers);
  const stored = async (): Promise<string[]> =>
    (await server.request('GET', at('/files'))).json().files.filter((file: { origin: string }) => file.origin === 'upload').map((file: { filename: string }) => file.filename);

  it.each([
    ['../../x.csv', 'x.csv'], [String.raw`C:\Users\me\y.csv`, 'y.csv'], ['/etc/z.csv', 'z.csv'], ['数据.csv', '数据.csv'], ['a:b.csv', 'a_b.csv'], ['x.csv', 'x_2.csv'],
  ])('stores %s as %s inside the folder', async (name, expected) => {
    const answer = await upload([part(name, 'a,b\n1,2\n'), END]);

    expect(answer.status).toBe(200);
    expect(answer.json().files).toMatchObject([{ filename: expected, size: 8, file_type: '.csv', origin: 'upload' }]);
  });

  it.each([
    ['no name but an extension', [part('.csv', 'a'), END], '400 FILE_TYPE_NOT_ALLOWED'],
    ['an empty name', [part('', 'a'), END], '400 INVALID_PATH'],
    ['a device name', [part('CON.csv', 'a'), END], '400 INVALID_PATH'],
    ['dots', [part('..', 'a'), END], '400 INVALID_PATH'],
    ['a program', [part('a.exe', 'MZ'), END], '400 FILE_TYPE_NOT_ALLOWED'],
    ['eleven files', [...Array.from({ length: 11 }, (_, index) => part(`n${index}.csv`, 'a')), END], '400 TOO_MANY_FILES'],
    ['five mebibytes and one byte', [part('big.csv', Buffer.alloc(5 * MIB + 1, 0x61)), END], '400 FILE_TOO_LARGE'],
    ['two files above five mebibytes together', [part('b1.csv', Buffer.alloc(3 * MIB, 0x61)), part('b2.csv', Buffer.alloc(3 * MIB - 4_096, 0x61)), END], '400 FILE_TOO_LARGE'],
    ['another field', [part('a.csv', 'a', 'file'), END], '422 VALIDATION_FAILED'],
    ['a field that is no file', [Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n`), END], '422 VALIDATION_FAILED'],
    ['a prototype as field', [part('a.csv', 'a', '__proto__'), END], '400 BAD_REQUEST'],
    ['nothing', [END], '422 VALIDATION_FAILED'],
    ['a bad second part', [part('good.csv', 'a'), part('bad.exe', 'a'), END], '400 FILE_TYPE_NOT_ALLOWED'],
    ['a good part before another field', [part('good.csv', 'a'), part('x.csv', 'a', 'other'), END], '422 VALIDATION_FAILED'],
    ['no end', [part('good.csv', 'a')], '400 BAD_REQUEST'],
    ['no end inside a part', [part('good.csv', 'a').subarray(0, -2)], '400 BAD_REQUEST'],
    ['ten thousand parts', [...Array.from({ length: 10_000 }, () => part('p.csv', 'a')), END], '400 TOO_MANY_FILES'],
    ['a part header of a mebibyte', [Buffer.from(`--${BOUNDARY}\r\nX-A: ${'a'.repeat(MIB)}\r\n`), part('h.csv', 'a').subarray(BOUNDARY.length + 4), END], '4xx'],
  ])('stores nothing of a request with %s', async (_title, parts, expected) => {
    const before = await stored();

    const answer = await upload(parts);

    if (expected === '4xx') expect([400, 413, 422]).toContain(answer.status);
    else expect(verdict(answer)).toBe(expected);
    expect(Object.keys(answer.json())).toEqual(['detail', 'code']);
    expect(await stored()).toEqual(before);
    expect((await server.folders()).filter((name) => name.includes('draft') || name.includes('tmp'))).toEqual([]);
  });

  it.each([['no boundary', 'multipart/form-data'], ['an empty boundary', 'multipart/form-data; boundary=']])('refuses %s', async (_title, contentType) => {
    expect((await upload([part('a.csv', 'a'), END], { 'content-type': contentType })).status).toBe(400);
  });

  it('goes on serving a connection whose upload was refused half-way', async () => {
    const body = Buffer.concat([part('a.csv', 'a', 'wrong'), part('b.csv', Buffer.alloc(2 * MIB, 0x61)), END]);
    const request = (target: string, method: string, extra: string) =>
      `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nAuthorization: Bearer ${TOKEN}\r\n${extra}\r\n`;

    const socket = connect({ port: server.port, host: '127.0.0.1' });
    socket.write(request(at('/upload'), 'POST', `Content-Type: ${type['content-type']}\r\nContent-Length: ${body.length}\r\n`));
    socket.write(body);
    socket.write(request('/health', 'GET', 'Connection: close\r\n'));
    let text = '';
    for await (const chunk of socket) text += String(chunk);

    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 422', 'HTTP/1.1 200']);
  });
});
