import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JUPYTER_SETUP_MS, jupyterPython } from '../support/jupyter-environment.ts';
import { startKernelGateway } from '../support/kernel-gateway.ts';
import type { KernelGateway } from '../support/kernel-gateway.ts';
import { GATEWAY_TOKEN as token, startRemote } from '../support/remote-notebooks.ts';
import type { RemoteNotebooks } from '../support/remote-notebooks.ts';
import { openTcpDoor } from '../support/tcp-door.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { createTestCertificate } from '../support/test-certificate.ts';

const PATIENCE = { timeout: 30_000, interval: 100 };
const kernelsOf = async (gateway: KernelGateway): Promise<string[]> => (await gateway.call('GET', '/api/kernels')).body.map(({ id }: { id: string }) => id);

let python: string;
beforeAll(async () => { python = await jupyterPython(); }, JUPYTER_SETUP_MS);

describe('a kernel that a Jupyter Kernel Gateway loses', () => {
  let gateway: KernelGateway;
  let remote: RemoteNotebooks;
  beforeAll(async () => {
    gateway = await startKernelGateway({ python, token });
    remote = await startRemote(gateway.url);
  });
  afterAll(async () => {
    await remote[Symbol.asyncDispose]();
    await gateway[Symbol.asyncDispose]();
  });

  /** A cell that runs until it is disturbed; resolves when it runs. */
  const startLong = async (session: string): Promise<{ answer: Promise<any>; kernel: string }> => {
    const before = await kernelsOf(gateway);
    await remote.run(session, 'x = 1');
    const kernel = (await kernelsOf(gateway)).find((id) => !before.includes(id))!;
    const answer = remote.run(session, 'import time\ntime.sleep(60)');
    await expect.poll(async () => (await remote.call(session, 'GET', '/status')).execution_count, PATIENCE).toBe(2);
    return { answer, kernel };
  };

  it.each([
    ['deleted', 'DELETE', '', 'culled'], ['restarted by somebody else', 'POST', '/restart', 'restarted'],
  ])('because it is %s in a cell: the cell says so, the next one has a new kernel, and one kernel is there', async (_title, method, path, detail) => {
    const session = await remote.sidecar.create();
    const before = await kernelsOf(gateway);
    const { answer, kernel } = await startLong(session);

    await gateway.call(method, `/api/kernels/${kernel}${path}`);

    expect(await answer).toMatchObject({ success: false, reason: 'worker_lost', detail, state_lost: true });
    expect(await remote.run(session, '"x" in globals()')).toMatchObject({ success: true, result_repr: 'False', state_lost: true });
    await expect.poll(async () => (await kernelsOf(gateway)).filter((id) => !before.includes(id)).length, PATIENCE).toBe(1);
    expect(await kernelsOf(gateway)).not.toContain(kernel);
  });

  it.each([
    ['ends itself', 'import os; os._exit(1)'], ['is killed', 'import os, signal; os.kill(os.getpid(), signal.SIGKILL)'],
  ])('because its process %s: the cell says so, and nothing of it stays on the gateway', async (_title, code) => {
    const session = await remote.sidecar.create();
    const before = await kernelsOf(gateway);
    await remote.run(session, 'x = 1');
    const [old] = (await kernelsOf(gateway)).filter((id) => !before.includes(id));

    const answer = await remote.run(session, code);

    expect(answer).toMatchObject({ success: false, reason: 'worker_lost', detail: 'died', state_lost: true, error: { ename: 'KernelDied' } });
    expect(await remote.run(session, '"x" in globals()')).toMatchObject({ success: true, result_repr: 'False', state_lost: true });
    await expect.poll(async () => (await kernelsOf(gateway)).filter((id) => !before.includes(id)).length, PATIENCE).toBe(1);
    expect(await kernelsOf(gateway)).not.toContain(old);
    await remote.sidecar.call('DELETE', `/api/session/${session}`);
    await expect.poll(async () => (await kernelsOf(gateway)).filter((id) => !before.includes(id)), PATIENCE).toEqual([]);
  });
});

it('kernels of a service that was killed are ended when it starts again', async () => {
  await using gateway = await startKernelGateway({ python, token });
  await using folder = await createTemporaryFolder('remote');
  const first = await startRemote(gateway.url, { sessionsDir: folder.path });
  await first.run(await first.sidecar.create(), 'x = 1');
  await first.sidecar.kill('SIGKILL');
  const left = await kernelsOf(gateway);

  await using again = await startRemote(gateway.url, { sessionsDir: folder.path });

  expect(left).toHaveLength(1);
  await expect.poll(async () => await kernelsOf(gateway), PATIENCE).toEqual([]);
  expect((await again.sidecar.call('GET', '/health')).status).toBe(200);
});

it('a kernel is found again after the gateway was out of reach, with its state', async () => {
  await using gateway = await startKernelGateway({ python, token });
  await using door = await openTcpDoor(gateway.port);
  await using remote = await startRemote(`http://127.0.0.1:${door.port}`);
  const session = await remote.sidecar.create();
  await remote.run(session, 'x = 5');
  const running = remote.run(session, 'import time\ntime.sleep(2)\nprint("done")\nx');
  await expect.poll(async () => (await remote.call(session, 'GET', '/status')).execution_count, PATIENCE).toBe(2);

  door.shut();
  await expect.poll(async () => (await remote.call(session, 'GET', '/status')).gateway.state, PATIENCE).toBe('unreachable');
  door.open();

  expect(await running).toMatchObject({ success: true, stdout: 'done\n', result_repr: '5', state_lost: false });
  expect((await remote.call(session, 'GET', '/status')).gateway).toMatchObject({ state: 'ready', problem: null });
  expect(await kernelsOf(gateway)).toHaveLength(1);
});

it('an idle kernel that the gateway culls is not started again until a cell wants one', async () => {
  const args = ['--MappingKernelManager.cull_idle_timeout=8', '--MappingKernelManager.cull_interval=1', '--MappingKernelManager.cull_connected=True'];
  await using gateway = await startKernelGateway({ python, token, args });
  await using remote = await startRemote(gateway.url);
  const session = await remote.sidecar.create();
  await remote.run(session, 'x = 1');

  await expect.poll(async () => (await remote.call(session, 'GET', '/status')).state, PATIENCE).toBe('none');

  await expect.poll(async () => await kernelsOf(gateway), PATIENCE).toEqual([]);
  expect(await remote.run(session, '"x" in globals()')).toMatchObject({ success: true, result_repr: 'False', state_lost: true });
});

it('a gateway that allows no more kernels says so, and those that run are not disturbed', async () => {
  await using gateway = await startKernelGateway({ python, token, hidesKernels: true, args: ['--KernelGatewayApp.max_kernels=1'] });
  await using remote = await startRemote(gateway.url);
  const [first, second] = [await remote.sidecar.create(), await remote.sidecar.create()];
  await remote.run(first, 'x = 1');

  const refused = await remote.run(second, '1');

  expect(refused).toMatchObject({ success: false, reason: 'worker_lost', detail: expect.stringContaining('403') });
  expect((await remote.call(second, 'GET', '/status')).gateway).toMatchObject({ state: 'forbidden', fix: expect.stringContaining('operator') });
  expect(await remote.run(first, 'x')).toMatchObject({ success: true, result_repr: '1', state_lost: false });
});

describe('a gateway with a certificate of a private authority', () => {
  it('is used when the authority is named, and refused with the way out when it is not', async () => {
    const tls = createTestCertificate();
    await using folder = await createTemporaryFolder('authority');
    await writeFile(folder.join('authority.pem'), tls.authority);
    await using gateway = await startKernelGateway({ python, token, tls });
    await using trusting = await startRemote(gateway.url, { env: { NODE_EXTRA_CA_CERTS: folder.join('authority.pem') } });
    await using strict = await startRemote(gateway.url);
    const session = await strict.sidecar.create();

    const refused = await strict.run(session, '1');

    expect(refused).toMatchObject({ success: false, reason: 'worker_lost', detail: expect.stringContaining('certificate is not trusted') });
    expect((await strict.call(session, 'GET', '/status')).gateway).toMatchObject({ state: 'untrusted', fix: expect.stringContaining('NODE_EXTRA_CA_CERTS') });
    expect(await trusting.run(await trusting.sidecar.create(), '6 * 7')).toMatchObject({ success: true, result_repr: '42' });
  });
});
