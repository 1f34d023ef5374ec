import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JUPYTER_SETUP_MS, jupyterPython } from '../support/jupyter-environment.ts';
import { startKernelGateway } from '../support/kernel-gateway.ts';
import type { KernelGateway } from '../support/kernel-gateway.ts';
import { GATEWAY_TOKEN as TOKEN, startRemote } from '../support/remote-notebooks.ts';
import type { RemoteNotebooks } from '../support/remote-notebooks.ts';

let python: string;
beforeAll(async () => { python = await jupyterPython(); }, JUPYTER_SETUP_MS);

describe('a kernel on a Jupyter Kernel Gateway', () => {
  let gateway: KernelGateway;
  let remote: RemoteNotebooks;
  let session: string;
  beforeAll(async () => {
    gateway = await startKernelGateway({ python, token: TOKEN });
    remote = await startRemote(gateway.url);
    session = await remote.sidecar.create();
  });
  afterAll(async () => {
    await remote[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  it('claims no guard of ours before it is there', async () => {
    expect(await remote.call(session, 'GET', '/status')).toMatchObject({ state: 'none', origin: 'gateway', guards: { files_write: 'absent', wall_time: 'enforced' } });
  });

  it('runs cells, keeps their state and says where it is', async () => {
    const first = await remote.run(session, 'import os, sys\nx = 5\nprint("far", os.environ["KERNEL_USERNAME"])\nprint("err", file=sys.stderr)\n40 + 2');
    const second = await remote.run(session, 'x');
    const failed = await remote.run(session, '1 / 0');

    expect(first).toMatchObject({ success: true, stdout: 'far ada\n', stderr: 'err\n', result_repr: '42', execution_count: 1, state_lost: false });
    expect([second.result_repr, second.execution_count, failed.reason, failed.error.ename]).toEqual(['5', 2, 'error', 'ZeroDivisionError']);
    expect(await remote.call(session, 'GET', '/status')).toMatchObject({ state: 'idle', origin: 'gateway', files: 'none', guards: { files_write: 'absent' } });
    expect((await gateway.call('GET', '/api/kernels')).body).toHaveLength(1);
  });

  it('completes and shows rich results', async () => {
    // A kernel that is slow at its first completion is busy: then one asks again.
    await expect.poll(async () => (await remote.call(session, 'POST', '/complete', { code: 'prin', cursor_pos: 4 })).matches).toContain('print');
    const { outputs } = await remote.run(session, 'from IPython.display import HTML, display\ndisplay(HTML("<b>1</b>"))');

    expect(outputs).toMatchObject([{ output_type: 'display_data', data: { 'text/html': '<b>1</b>' } }]);
  });

  it('loses none of 500 outputs', async () => {
    const { stdout } = await remote.run(session, 'for i in range(500): print(i, flush=True)');

    expect(stdout).toBe(Array.from({ length: 500 }, (_, index) => `${index}\n`).join(''));
  });

  it('is interrupted, and keeps its namespace', async () => {
    const running = remote.run(session, 'import time\ntime.sleep(60)');
    await expect.poll(async () => (await remote.call(session, 'GET', '/status')).execution_count).toBe(6);

    await remote.call(session, 'POST', '/interrupt');

    expect(await running).toMatchObject({ success: false, reason: 'cancelled', error: { ename: 'KeyboardInterrupt' } });
    expect((await remote.run(session, 'x')).result_repr).toBe('5');
  });

  it('takes our time limits', async () => {
    expect(await remote.run(session, 'import time; time.sleep(60)', { timeout_seconds: 1 })).toMatchObject({ success: false, reason: 'timeout' });
    expect((await remote.run(session, 'x')).result_repr).toBe('5');
  });

  it('restarts with an empty namespace, and leaves no second kernel behind', async () => {
    expect(await remote.call(session, 'POST', '/restart')).toMatchObject({ success: true, status: 'idle' });

    expect((await remote.run(session, '"x" in globals()')).result_repr).toBe('False');
    // What a restart left there is removed behind its answer.
    await expect.poll(async () => (await gateway.call('GET', '/api/kernels')).body).toHaveLength(1);
  });

  it('ends when the service ends', async () => {
    const count = async (): Promise<number> => (await gateway.call('GET', '/api/kernels')).body.length;
    await expect.poll(count).toBe(1);
    const other = await startRemote(gateway.url);
    await other.run(await other.sidecar.create(), '1');
    await expect.poll(count).toBe(2);

    await other[Symbol.asyncDispose]();

    await expect.poll(count).toBe(1);
  });
});

describe('a gateway', () => {
  it('that is killed in a cell is told, the cell ends at its limit, and a new one serves the next cell', async () => {
    await using gateway = await startKernelGateway({ python, token: TOKEN });
    await using remote = await startRemote(gateway.url);
    const session = await remote.sidecar.create();
    await remote.run(session, 'x = 1');
    const running = remote.run(session, 'import time; time.sleep(60)', { timeout_seconds: 12 });
    await expect.poll(async () => (await remote.call(session, 'GET', '/status')).state).toBe('busy');

    await gateway.kill();

    await expect.poll(async () => (await remote.call(session, 'GET', '/status')).detail).toBe('unresponsive');
    expect(await running).toMatchObject({ success: false, reason: 'timeout' });
    expect(await remote.run(session, '1')).toMatchObject({ success: false, reason: 'worker_lost', detail: expect.stringContaining('cannot be reached') });
    await using next = await startKernelGateway({ python, token: TOKEN, port: gateway.port });
    expect(await remote.run(session, '"x" in globals()')).toMatchObject({ success: true, result_repr: 'False', state_lost: true });
    expect((await next.call('GET', '/api/kernels')).body).toHaveLength(1);
  });

  it('that refuses the token is told without the token', async () => {
    await using gateway = await startKernelGateway({ python, token: TOKEN });
    await using remote = await startRemote(gateway.url, { token: 'a-wrong-token' });

    const answer = await remote.run(await remote.sidecar.create(), '1');

    expect(answer).toMatchObject({ success: false, reason: 'worker_lost', detail: expect.stringContaining('401') });
    expect(JSON.stringify(answer) + remote.sidecar.stderr()).not.toContain('a-wrong-token');
  });
});
