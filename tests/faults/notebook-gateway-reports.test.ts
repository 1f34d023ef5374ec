import { describe, expect, it } from 'vitest';
import { runToEnd } from '../support/command-line.ts';
import { GATEWAY_TOKEN, startRemote } from '../support/remote-notebooks.ts';
import { openScriptedGateway } from '../support/scripted-gateway.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

/** An address where nothing listens any more. */
async function deadAddress(): Promise<string> {
  const gateway = await openScriptedGateway();
  await gateway[Symbol.asyncDispose]();
  return gateway.url;
}

const checkOf = (checks: { name: string }[]) => checks.find(({ name }) => name === 'kernel gateway');

describe('a service whose kernels are on a gateway', () => {
  it('reports the lane as its operator\'s, and the gateway as well', async () => {
    await using gateway = await openScriptedGateway();
    await using remote = await startRemote(gateway.url);

    const { lanes } = (await remote.sidecar.call('GET', '/api/capabilities')).body;
    const { checks } = (await remote.sidecar.call('GET', '/api/diagnostics')).body;

    expect(lanes.notebook).toMatchObject({
      available: true, reason: null, backend: 'remote', warnings: ['remote kernels do not see the workspace'],
      guards: { filesystem: { state: 'absent', reason: 'set by its operator' }, network: { state: 'absent' }, output: { state: 'enforced', reason: null }, wall_time: { state: 'enforced' } },
    });
    expect(checkOf(checks)).toEqual({ name: 'kernel gateway', ok: true, detail: '' });
  });

  it('is healthy while the gateway is away, and says what is wrong with the lane', async () => {
    await using remote = await startRemote(await deadAddress());

    const health = await remote.sidecar.call('GET', '/health');
    const { lanes } = (await remote.sidecar.call('GET', '/api/capabilities')).body;
    const { checks } = (await remote.sidecar.call('GET', '/api/diagnostics')).body;

    expect([health.status, health.body.status]).toEqual([200, 'healthy']);
    expect(lanes.notebook).toMatchObject({ available: false, reason: expect.stringContaining('check SIDECAR_KERNEL_GATEWAY_URL'), backend: 'remote' });
    expect(checkOf(checks)).toMatchObject({ ok: false, detail: expect.stringContaining('cannot be reached (ECONNREFUSED)') });
  });
});

describe('doctor', () => {
  const diagnose = async (url: string): Promise<any> => {
    await using folder = await createTemporaryFolder('doctor');
    const { code, out } = await runToEnd(['doctor', '--json'], { env: { SESSIONS_DIR: folder.path, SIDECAR_KERNEL_GATEWAY_URL: url, SIDECAR_KERNEL_GATEWAY_TOKEN: GATEWAY_TOKEN } });
    expect(out).not.toContain(GATEWAY_TOKEN);
    return { code, check: checkOf(JSON.parse(out).checks) };
  };

  it('finds a gateway that can be used, with its token', async () => {
    await using gateway = await openScriptedGateway();

    expect(await diagnose(gateway.url)).toMatchObject({ code: 0, check: { state: 'ok' } });
    expect(gateway.seen).toEqual([`GET /api/kernelspecs token ${GATEWAY_TOKEN}`]);
  });

  it('says what to do about one that is away', async () => {
    expect(await diagnose(await deadAddress())).toMatchObject({
      code: 1, check: { state: 'problem', detail: expect.stringContaining('cannot be reached'), fix: 'check SIDECAR_KERNEL_GATEWAY_URL, and whether the gateway runs' },
    });
  });
});
