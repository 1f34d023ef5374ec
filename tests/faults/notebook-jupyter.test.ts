import { Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { TOKEN, openNotebookService } from '../support/notebook-http.ts';
import type { NotebookService } from '../support/notebook-http.ts';

let service: NotebookService;
let session: string;
let kernelId: string;

beforeAll(async () => {
  service = await openNotebookService();
  session = await service.newSession();
  kernelId = (await service.call('POST', '/jupyter/api/kernels', { path: `${session}/n.ipynb` })).body.id;
});
afterAll(async () => { await service[Symbol.asyncDispose](); });

describe('the door', () => {
  it.each([
    ['/jupyter', 200], ['/jupyter/', 200], ['/jupyter/tree', 200], ['/jupyter/lab', 200], ['/jupyter/api', 200], ['/jupyter/api/me', 200],
    ['/jupyter/api/kernelspecs/python3', 200], ['/jupyter/api/terminals', 404], ['/jupyter/api/config/x', 404], ['/jupyter/api/nbconvert', 404],
    ['/jupyter/api/kernels/none', 404], ['/jupyter/api/sessions/none', 404], ['/jupyter/api/contents/none', 404],
  ])('GET %s answers %i', async (path, status) => {
    expect((await service.call('GET', path)).status).toBe(status);
  });

  it('shows one kernel spec without a local path', async () => {
    const { body } = await service.call('GET', '/jupyter/api/kernelspecs');

    expect([body.default, body.kernelspecs.python3.spec.interrupt_mode]).toEqual(['python3', 'message']);
    expect(JSON.stringify(body)).not.toMatch(/\/(home|usr|root|work)\//);
  });

  it('answers errors as Jupyter does', async () => {
    expect((await service.call('GET', '/jupyter/api/kernels/none')).body).toEqual({ message: expect.any(String), reason: 'KERNEL_NOT_FOUND' });
  });

  it.each([
    ['without a token', {}, '', 401],
    ['with a wrong token', { authorization: 'token nonsense' }, '', 401],
    ['with Jupyter\'s own scheme', { authorization: `token ${TOKEN}` }, '', 200],
    ['with the token in the query', {}, `?token=${TOKEN}`, 200],
    ['with a wrong header beside a right query', { authorization: 'Bearer nonsense' }, `?token=${TOKEN}`, 401],
    ['from a foreign page', { authorization: `Bearer ${TOKEN}`, origin: 'http://evil.example' }, '', 403],
  ])('%s', async (_title, headers, query, status) => {
    const response = await fetch(`${service.url}/jupyter/api/status${query}`, { headers });

    expect(response.status).toBe(status);
  });

  it('takes no query token on other methods and other paths', async () => {
    const posted = await fetch(`${service.url}/jupyter/api/kernels?token=${TOKEN}`, { method: 'POST' });
    const elsewhere = await fetch(`${service.url}/api/courses?token=${TOKEN}`);

    expect([posted.status, elsewhere.status]).toEqual([401, 401]);
  });
});

describe('upgrades', () => {
  it.each([
    ['a foreign origin', { headers: { authorization: `Bearer ${TOKEN}`, origin: 'http://evil.example' } }, 403],
    ['no token', { headers: {} }, 401],
    ['a wrong host', { headers: { authorization: `Bearer ${TOKEN}`, host: 'evil.example' } }, 403],
  ])('refuses %s', async (_title, options, status) => {
    await expect(service.connect(kernelId, options)).rejects.toThrow(`status ${status}`);
  });

  it('refuses an unknown kernel (E76)', async () => {
    await expect(service.connect('00000000-0000-4000-8000-000000000000')).rejects.toThrow('status 404');
  });

  it('admits a token in the query and sets no-delay', async () => {
    const noDelay = vi.spyOn(Socket.prototype, 'setNoDelay');
    await using client = await service.connect(kernelId, { headers: {}, query: `&token=${TOKEN}` });
    const { remotePort } = noDelay.mock.contexts.map((socket) => socket as Socket).find((socket) => socket.localPort === Number(new URL(service.url).port)) ?? {};
    noDelay.mockRestore();

    expect(client.socket.readyState).toBe(client.socket.OPEN);
    expect(remotePort).toBe((client.socket as unknown as { _socket: Socket })._socket.localPort);
  });
});

describe('a client', () => {
  it('runs a cell and gets its messages once, in order', async () => {
    await using client = await service.connect(kernelId);

    const messages = await client.done(client.execute('print("hi")\n40 + 2'));

    const iopub = messages.filter(({ channel }) => channel === 'iopub').map(({ header, content }) => content.execution_state ?? header.msg_type);
    expect(iopub).toEqual(['busy', 'execute_input', 'stream', 'execute_result', 'idle']);
    expect(messages.filter(({ channel }) => channel === 'shell')).toMatchObject([{ content: { status: 'ok' } }]);
  });

  it('records its cells beside those of our own routes, in one namespace', async () => {
    await using client = await service.connect(kernelId);
    await client.done(client.execute('shared = "from the client"'));

    const { body } = await service.call('POST', `/api/session/${session}/notebook/cell/run`, { code: 'shared' });
    const seen = await client.until(({ header, content }) => header.msg_type === 'execute_result' && content.data['text/plain'] === "'from the client'");

    expect([body.result_repr, seen.channel]).toEqual(["'from the client'", 'iopub']);
  });

  it('is answered like by a kernel when its cell is skipped after an error (K18)', async () => {
    await using client = await service.connect(kernelId);
    const failing = client.execute('import time; time.sleep(0.3); 1 / 0');
    const skipped = client.execute('"never"');

    const messages = await client.done(skipped);
    await client.done(failing);

    expect(messages.map(({ header, content }) => content.execution_state ?? [header.msg_type, content.status])).toEqual(['busy', ['execute_reply', 'aborted'], 'idle']);
  });

  it('completes while a cell runs, and interrupts over the control channel', async () => {
    await using client = await service.connect(kernelId);
    const running = client.execute('print("go")\nimport time; time.sleep(60)');
    await client.until(({ header, parent_header }) => header.msg_type === 'stream' && parent_header.msg_id === running);

    client.send('control', 'interrupt_request', {});
    const messages = await client.done(running);

    expect(messages.find(({ header }) => header.msg_type === 'execute_reply')?.content).toMatchObject({ status: 'error', ename: 'KeyboardInterrupt' });
  });

  it('answers an input request', async () => {
    await using client = await service.connect(kernelId);
    const id = client.execute('print(input("name? "))', { allow_stdin: true });
    const asked = await client.until(({ header }) => header.msg_type === 'input_request');

    client.socket.send(JSON.stringify({ ...client.message('stdin', 'input_reply', { value: 'Ada' }), parent_header: asked.header }));
    const messages = await client.done(id);

    expect(messages.find(({ header }) => header.msg_type === 'stream')?.content.text).toContain('Ada');
  });

  it('opens and messages a comm with buffers in the v1 framing (K32)', async () => {
    const { encodeV1, decodeV1 } = await import('../../src/execution/notebook/index.ts');
    await using plain = await service.connect(kernelId);
    await plain.done(plain.execute('def opened(comm, message):\n    @comm.on_msg\n    def echo(message): comm.send({"n": len(message["buffers"])}, buffers=[bytes(message["buffers"][0])[::-1]])\nget_ipython().kernel.comm_manager.register_target("mirror", opened)'));
    await using client = await service.connect(kernelId, { protocols: ['v1.kernel.websocket.jupyter.org'] });
    const mirrored = new Promise<Buffer>((resolve) => {
      client.socket.on('message', (bytes: Buffer) => {
        const at = Number(bytes.readBigUInt64LE(8 * Number(bytes.readBigUInt64LE(0) - 1n)));
        if (bytes.includes('"n":1') || bytes.includes('"n": 1')) resolve(bytes.subarray(at));
      });
    });

    client.socket.send(encodeV1(client.message('shell', 'comm_open', { comm_id: 'c', target_name: 'mirror', data: {} }) as any));
    client.socket.send(encodeV1({ ...client.message('shell', 'comm_msg', { comm_id: 'c', data: {} }), buffers: [Buffer.from('abc')] } as any));

    expect((await mirrored).toString()).toBe('cba');
    expect(() => decodeV1(Buffer.from('garbage!garbage!'))).toThrow();
  });

  it.each([
    ['garbage', 'not json'], ['an iopub message', JSON.stringify({ channel: 'iopub', header: { msg_id: '1', msg_type: 'x' } })],
    ['no header', JSON.stringify({ channel: 'shell' })], ['bytes', Buffer.from([1, 2, 3])],
  ])('is closed with 1003 for %s (K32)', async (_title, bytes) => {
    const client = await service.connect(kernelId);
    client.socket.send(bytes);

    expect(await client.closed()).toBe(1003);
  });

  it('is closed for a message of 100 MiB, and nobody else is (E76)', async () => {
    await using other = await service.connect(kernelId);
    const client = await service.connect(kernelId);
    client.socket.send(Buffer.alloc(100 * 1024 * 1024));

    expect(await client.closed()).toBe(1009);
    expect((await other.done(other.execute('1'))).length).toBeGreaterThan(3);
  });

  it('gets what it missed when it comes back under its name', async () => {
    const first = await service.connect(kernelId, { session: 'returning' });
    const id = first.execute('import os, time\nwhile not os.path.exists("go.txt"): time.sleep(0.01)\nprint("while away")\n"result"');
    await first.until(({ header }) => header.msg_type === 'execute_input');
    await first[Symbol.asyncDispose]();
    await service.call('PUT', `/jupyter/api/contents/${session}/go.txt`, { type: 'file', format: 'text', content: 'go' });
    await expect.poll(async () => (await service.call('GET', `/jupyter/api/kernels/${kernelId}`)).body.execution_state).toBe('idle');

    await using second = await service.connect(kernelId, { session: 'returning' });
    await second.until(({ header, parent_header }) => header.msg_type === 'execute_reply' && parent_header.msg_id === id);
    await second.until(({ content, parent_header }) => content.execution_state === 'idle' && parent_header.msg_id === id);

    const types = second.received.filter(({ parent_header }) => parent_header.msg_id === id).map(({ header }) => header.msg_type);
    expect(types).toEqual(expect.arrayContaining(['stream', 'execute_result', 'execute_reply', 'status']));
  });

  it('hears of a crash and of the new start', async () => {
    const { body } = await service.call('POST', '/jupyter/api/kernels', {});
    await using client = await service.connect(body.id);

    client.execute('import os; os._exit(1)');
    await client.until(({ content }) => content.execution_state === 'autorestarting');
    await client.until(({ header, content }) => header.msg_type === 'status' && content.execution_state === 'idle');

    expect((await client.done(client.execute('1'))).length).toBeGreaterThan(3);
    expect((await service.call('DELETE', `/jupyter/api/kernels/${body.id}`)).status).toBe(204);
  });
});

describe('kernels and sessions', () => {
  it('starts, restarts and ends a kernel in a folder of its own', async () => {
    const before = service.kernelProcesses();
    const { status, body, headers } = await service.call('POST', '/jupyter/api/kernels', {});
    const restarted = await service.call('POST', `/jupyter/api/kernels/${body.id}/restart`);
    const interrupted = await service.call('POST', `/jupyter/api/kernels/${body.id}/interrupt`);
    const deleted = await service.call('DELETE', `/jupyter/api/kernels/${body.id}`);
    const gone = await service.call('GET', `/jupyter/api/kernels/${body.id}`);

    expect([status, headers.get('location'), restarted.body.id, interrupted.status, deleted.status, gone.status])
      .toEqual([201, `/jupyter/api/kernels/${body.id}`, body.id, 204, 204, 404]);
    expect(service.kernelProcesses()).toBe(before);
  });

  it('gives the session of a known path, renames it, and ends it with its kernel', async () => {
    const made = await service.call('POST', '/jupyter/api/sessions', { path: 'scratch.ipynb', name: 'a', type: 'notebook', kernel: { name: 'python3' } });
    const again = await service.call('POST', '/jupyter/api/sessions', { path: 'scratch.ipynb', name: 'a', type: 'notebook', kernel: { name: 'python3' } });
    const renamed = await service.call('PATCH', `/jupyter/api/sessions/${made.body.id}`, { path: 'other.ipynb' });
    const removed = await service.call('DELETE', `/jupyter/api/sessions/${made.body.id}`);

    expect([made.status, again.body.id, renamed.body.path, removed.status]).toEqual([201, made.body.id, 'other.ipynb', 204]);
    expect((await service.call('GET', `/jupyter/api/kernels/${made.body.kernel.id}`)).status).toBe(404);
  });
});

describe('contents', () => {
  const at = (path: string): string => `/jupyter/api/contents/${session}${path}`;

  it('saves, lists, reads, renames, copies and deletes', async () => {
    const saved = await service.call('PUT', at('/notes/a.txt'), { type: 'file', format: 'text', content: 'héllo' });
    const listed = await service.call('GET', at('/notes'));
    const read = await service.call('GET', `${at('/notes/a.txt')}?hash=1`);
    const renamed = await service.call('PATCH', at('/notes/a.txt'), { path: `${session}/notes/b.txt` });
    const copied = await service.call('POST', at('/notes'), { copy_from: `${session}/notes/b.txt` });
    const deleted = await service.call('DELETE', at('/notes/b.txt'));

    expect([saved.status, listed.body.content.map(({ name }: { name: string }) => name)]).toEqual([200, ['a.txt']]);
    expect(read.body).toMatchObject({ type: 'file', format: 'text', content: 'héllo', hash_algorithm: 'sha256', size: 6 });
    expect([renamed.body.path, copied.body.name, deleted.status]).toEqual([`${session}/notes/b.txt`, 'b-Copy.txt', 204]);
  });

  it('keeps notebooks as notebooks, with one checkpoint', async () => {
    const made = await service.call('POST', at(''), { type: 'notebook' });
    const path = at(`/${made.body.name}`);
    await service.call('POST', `${path}/checkpoints`);
    const cells = [{ id: 'c1', cell_type: 'code', source: '1', metadata: {}, outputs: [], execution_count: null }];
    await service.call('PUT', path, { type: 'notebook', format: 'json', content: { nbformat: 4, nbformat_minor: 5, metadata: {}, cells } });
    const changed = await service.call('GET', path);
    const restored = await service.call('POST', `${path}/checkpoints/checkpoint`);

    expect(changed.body).toMatchObject({ type: 'notebook', format: 'json', content: { cells: [{ id: 'c1', source: '1' }] } });
    expect([restored.status, (await service.call('GET', path)).body.content.cells]).toEqual([204, []]);
    expect((await service.call('GET', `${path}/checkpoints`)).body).toMatchObject([{ id: 'checkpoint' }]);
  });

  it.each([
    ['leaves the workspace', '/../../store.db'], ['leaves it in disguise', '/%2e%2e/%2e%2e/store.db'], ['is absolute', '//etc/passwd'],
    ['is another session\'s folder through this one', '/..%2Fother'], ['is of nobody', '/nothing.txt'],
  ])('does not find a path that %s (E76)', async (_title, path) => {
    const { status } = await service.call('GET', at(path));

    expect([400, 404]).toContain(status);
  });

  it('saves a notebook of many outputs, and refuses one whose keys reach a prototype (E74)', async () => {
    const outputs = Array.from({ length: 4_000 }, (_, index) => ({ output_type: 'display_data', metadata: {}, data: { 'text/plain': `${index}` } }));
    const cells = [{ id: 'c', cell_type: 'code', source: '', metadata: {}, outputs, execution_count: 1 }];

    const saved = await service.call('PUT', at('/many.ipynb'), { type: 'notebook', content: { nbformat: 4, nbformat_minor: 5, metadata: {}, cells } });
    const planted = await service.call('PUT', at('/many.ipynb'), '{"type":"notebook","content":{"nbformat":4,"metadata":{"__proto__":{"x":1}},"cells":[]}}');

    expect([saved.status, planted.status, planted.body.reason]).toEqual([200, 422, 'NOTEBOOK_INVALID']);
  });

  it('refuses a notebook that is none, and keeps the old file (E74)', async () => {
    const path = at('/kept.ipynb');
    await service.call('PUT', path, { type: 'notebook', content: { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [] } });

    const { status, body } = await service.call('PUT', path, { type: 'notebook', content: { nbformat: 4, cells: 'none' } });

    expect([status, body]).toEqual([422, { message: expect.stringContaining('$.cells'), reason: 'NOTEBOOK_INVALID' }]);
    expect((await service.call('GET', path)).body.content.cells).toEqual([]);
  });
});

describe('notebook files on our own routes', () => {
  it('runs a cell and finds its outputs in the file', async () => {
    const base = `/api/session/${session}/notebook`;
    const cells = [{ id: 'sum', cell_type: 'code', source: '1 + 1', metadata: {}, outputs: [], execution_count: null }];
    const put = await service.call('PUT', `${base}/file?path=run.ipynb`, { notebook: { nbformat: 4, nbformat_minor: 5, metadata: { mine: 1 }, cells } });

    const run = await service.call('POST', `${base}/cell/run`, { code: '1 + 1', cell_id: 'sum', notebook_path: 'run.ipynb' });
    const { body } = await service.call('GET', `${base}/file?path=run.ipynb`);
    const stale = await service.call('PUT', `${base}/file?path=run.ipynb`, { notebook: { nbformat: 4, metadata: {}, cells: [] } }, { 'if-match': put.body.etag });

    expect(run.body).toMatchObject({ success: true, result_repr: '2' });
    expect(body.notebook).toMatchObject({ metadata: { mine: 1 }, cells: [{ id: 'sum', execution_count: run.body.execution_count, outputs: [{ output_type: 'execute_result', data: { 'text/plain': '2' } }] }] });
    expect(stale.status).toBe(412);
  });

  it('streams a cell as events with gap-free ids', async () => {
    const response = await fetch(`${service.url}/api/session/${session}/notebook/cell/stream`, {
      method: 'POST', headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' }, body: JSON.stringify({ code: 'print("a")\n3', cell_id: 'x' }),
    });
    const frames = (await response.text()).split('\n\n').filter((text) => text.startsWith('id:'));

    expect(frames.map((frame) => /^id: (\S+)/.exec(frame)?.[1])).toEqual(frames.map((_, index) => `1.${index + 1}`));
    const events = frames.map((frame) => JSON.parse(/^data: (.*)$/m.exec(frame)![1]!));
    expect(events.map(({ type }) => type)).toEqual(['cell_start', 'cell_output', 'cell_output', 'cell_complete']);
    expect(events.at(-1).answer).toMatchObject({ success: true, result_repr: '3' });
  });

  it.each([
    ['an unknown session', 'GET', '/api/session/nobody/notebook/status', undefined, 404, 'SESSION_NOT_FOUND'],
    ['too much code', 'POST', 'cell/run', { code: 'x'.repeat(20_001) }, 422, 'VALIDATION_FAILED'],
    ['a file that is no notebook', 'GET', 'file?path=a.txt', undefined, 400, 'INVALID_PATH'],
    ['a notebook that is not there', 'GET', 'file?path=none.ipynb', undefined, 404, 'FILE_NOT_FOUND'],
  ])('refuses %s', async (_title, method, path, body, status, code) => {
    const answer = await service.call(method, path.startsWith('/') ? path : `/api/session/${session}/notebook/${path}`, body);

    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });
});

it('stops at once although a client never answers the close', async () => {
  const own = await openNotebookService();
  const { body } = await own.call('POST', '/jupyter/api/kernels', {});
  const client = await own.connect(body.id);
  client.socket.pause();
  const started = performance.now();

  await own[Symbol.asyncDispose]();

  expect(performance.now() - started).toBeLessThan(20_000); // Its own bound for a client that says nothing is half a minute.
  client.socket.terminate();
});

it('keeps one client served while another one floods and a third one does not read (K37)', async () => {
  const { body } = await service.call('POST', '/jupyter/api/kernels', {});
  const silent = await service.connect(body.id);
  await using flooding = await service.connect(body.id);
  await using third = await service.connect(body.id);
  silent.socket.pause();

  const flood = flooding.execute('for i in range(20_000): print("x" * 999)');
  const messages = await third.done(third.execute('"served"'));
  await flooding.done(flood);
  silent.socket.terminate();

  expect(messages.find(({ header }) => header.msg_type === 'execute_result')?.content.data['text/plain']).toBe("'served'");
  await service.call('DELETE', `/jupyter/api/kernels/${body.id}`);
});
