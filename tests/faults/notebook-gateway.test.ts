import { createServer } from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';
import { TOKEN, openNotebookService } from '../support/notebook-http.ts';
import type { NotebookService } from '../support/notebook-http.ts';

const settings = (url: string, token = TOKEN) => ({ url, token, authScheme: 'token' as const, environment: { TEAM: 'a' }, files: { mode: 'none' as const } });

/** A gateway that answers as it is told; keeps what it was asked. */
async function openFalseGateway(listener: RequestListener): Promise<AsyncDisposable & { url: string; server: Server; seen: string[] }> {
  const seen: string[] = [];
  const server = createServer((request, response) => {
    seen.push(`${request.method} ${request.url} ${request.headers.authorization ?? ''}`);
    listener(request, response);
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`, server, seen,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}

describe('kernels behind a gateway', () => {
  let service: NotebookService;
  let bench: NotebookBench;
  beforeAll(async () => {
    service = await openNotebookService();
    bench = await openNotebookBench({ gateway: settings(`${service.url}/jupyter`) });
    bench.session('remote');
  });
  afterAll(async () => {
    await bench[Symbol.asyncDispose]();
    await service[Symbol.asyncDispose]();
  });

  it('run cells like kernels here, and say where they are', async () => {
    const answer = await bench.run('remote', 'print("far")\n40 + 2');

    expect(answer).toMatchObject({ success: true, stdout: 'far\n', result_repr: '42', execution_count: 1 });
    expect(bench.notebooks.status('remote')).toMatchObject({ state: 'idle', origin: 'gateway', files: 'none', guards: { files_write: 'absent', wall_time: 'enforced' } });
    expect(bench.guard.children().live).toBe(0);
  });

  it('tell errors, take time limits, and keep their namespace', async () => {
    await bench.run('remote', 'kept = 7');
    const failed = await bench.run('remote', '1 / 0');
    const late = await bench.run('remote', 'import time; time.sleep(60)', { timeout_seconds: 1 });

    expect([failed.reason, failed.error?.ename, late.reason]).toEqual(['error', 'ZeroDivisionError', 'timeout']);
    expect((await bench.run('remote', 'kept')).result_repr).toBe('7');
  });

  it('go on after their socket was lost in a cell', async () => {
    const [kernel] = (await service.call('GET', '/jupyter/api/kernels')).body;
    const running = bench.run('remote', 'import time\ntime.sleep(4)\nprint("after the cut")\n"value"');
    await expect.poll(async () => (await service.call('GET', `/jupyter/api/kernels/${kernel.id}`)).body.execution_state).toBe('busy');

    service.cutSockets();

    expect(await running).toMatchObject({ success: true, stdout: 'after the cut\n', result_repr: "'value'" });
  });

  it('are lost when somebody else ends them: the cell says so, and the next one has a new kernel', async () => {
    const [kernel] = (await service.call('GET', '/jupyter/api/kernels')).body;
    const running = bench.run('remote', 'import time; time.sleep(60)');
    await expect.poll(async () => (await service.call('GET', `/jupyter/api/kernels/${kernel.id}`)).body.execution_state).toBe('busy');

    await service.call('DELETE', `/jupyter/api/kernels/${kernel.id}`);

    expect(await running).toMatchObject({ success: false, reason: 'worker_lost', detail: 'culled' });
    expect(await bench.run('remote', '"kept" in globals()')).toMatchObject({ result_repr: 'False', state_lost: true });
  });

  it('end with their session', async () => {
    await bench.notebooks.endSession('remote');

    expect((await service.call('GET', '/jupyter/api/kernels')).body).toEqual([]);
  });
});

describe('a gateway that fails', () => {
  const answering = (status: number, body: string, headers: Record<string, string> = {}): RequestListener => (_request, response) => {
    response.writeHead(status, headers).end(body);
  };
  it.each([
    ['refuses the token', answering(401, '{}')], ['refuses', answering(403, '{}')], ['fails', answering(500, 'oops')], ['sends no JSON', answering(201, 'x')],
    ['sends a hostile id', answering(201, '{"id":"../../etc"}')], ['sends a list', answering(201, '[]')],
  ])('is told as an unavailable lane: %s', async (_title, listener) => {
    await using gateway = await openFalseGateway(listener);
    await using bench = await openNotebookBench({ gateway: settings(gateway.url) });
    bench.session('s');

    const answer = await bench.run('s', '1');

    expect(answer).toMatchObject({ success: false, reason: 'worker_lost', error: { ename: 'KernelDied' } });
    expect(bench.notebooks.status('s').state).toBe('none');
  });

  it('is not followed elsewhere, so the token goes nowhere else', async () => {
    await using elsewhere = await openFalseGateway(answering(200, '{}'));
    await using gateway = await openFalseGateway(answering(307, '', { location: elsewhere.url }));
    await using bench = await openNotebookBench({ gateway: settings(gateway.url) });
    bench.session('s');

    const answer = await bench.run('s', '1');

    expect([answer.success, gateway.seen, elsewhere.seen]).toEqual([false, [`POST /api/kernels token ${TOKEN}`], []]);
  });

  it('is not there: the cell says so', async () => {
    const gateway = await openFalseGateway(answering(200, ''));
    await gateway[Symbol.asyncDispose]();
    await using bench = await openNotebookBench({ gateway: settings(gateway.url) });
    bench.session('s');

    expect(await bench.run('s', '1')).toMatchObject({ success: false, reason: 'worker_lost', detail: expect.stringContaining('reached') });
  });
});
