import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TemporaryFolder } from '../support/temporary-folder.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { isConnectionLoss } from '../../src/client/index.ts';
import { DEFAULT_LIMITS, createSupervisor } from '../../src/supervisor/index.ts';
import type { Supervisor, SupervisorLimits, SupervisorOptions, SupervisorStatus } from '../../src/supervisor/index.ts';
import { keepProcess } from '../support/kept-processes.ts';
import { PROGRAM } from '../support/sidecar-process.ts';

/** Short pauses; what a healthy sidecar must keep to is generous, since a busy machine makes it slow. */
const QUICK: SupervisorLimits = {
  ...DEFAULT_LIMITS, startMs: 60_000, contractMs: 30_000, stopInputMs: 30_000, stopTermMs: 30_000,
  health: { everyMs: 20, timeoutMs: 30_000, misses: 3 },
  restart: { backoffMs: 20, backoffMaxMs: 40, crashes: 5, crashWindowMs: 60_000 },
};

let folder: TemporaryFolder;
let supervisors: Supervisor[];
beforeEach(async () => {
  folder = await createTemporaryFolder();
  supervisors = [];
});
afterEach(async () => {
  await Promise.all(supervisors.map((supervisor) => supervisor.stop()));
  await folder[Symbol.asyncDispose]();
});

interface Watched { supervisor: Supervisor; states: () => string[]; until: (fits: (status: SupervisorStatus) => boolean) => Promise<SupervisorStatus> }

function create(modes: string, options: Partial<SupervisorOptions> = {}): Watched {
  const history: SupervisorStatus[] = [];
  const listeners = new Set<(status: SupervisorStatus) => void>();
  const supervisor = createSupervisor({
    node: process.execPath, program: join(import.meta.dirname, '..', 'support', 'fake-sidecar.mjs'), limits: QUICK,
    environment: { FAKE_LOG: folder.join('log'), FAKE_MODES: modes },
    onChange: (status) => {
      history.push(status);
      for (const listener of listeners) listener(status);
    },
    ...options,
  });
  supervisors.push(supervisor);
  return {
    supervisor,
    states: () => history.map(({ state }) => state).filter((state, index, all) => state !== all[index - 1]),
    until: (fits) => new Promise((resolve) => {
      listeners.add((status) => fits(status) && resolve(status));
    }),
  };
}

async function readLog(): Promise<Record<string, any>[]> {
  return (await readFile(folder.join('log'), 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // An orphan that ended stays in the table until the first process of the system collects it.
    return process.platform !== 'linux' || !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('supervisor', () => {
  it('starts a sidecar with a fresh token on stdin, and stops it by ending stdin', async () => {
    const { supervisor, states } = create('ready', { serveArgs: ['--log-level', 'warn'] });

    const endpoint = await supervisor.start();
    const again = await supervisor.start();
    const { pid, version } = supervisor.status();
    await supervisor.client.health();
    await supervisor.stop();

    const [start] = await readLog();
    expect(start).toMatchObject({ token: endpoint.token, argv: ['serve', '--token-stdin', '--exit-with-parent', '--log-level', 'warn'], pid });
    expect(Buffer.from(endpoint.token!, 'base64url')).toHaveLength(32);
    expect(again).toBe(endpoint);
    expect(version).toBe('9.9.9');
    expect(start!['env']).not.toContain('VITEST');
    expect(states()).toEqual(['starting', 'ready', 'stopping', 'stopped']);
    expect(isAlive(pid!)).toBe(false);
  });

  it('restarts a sidecar that crashed, with another token, and takes the open sessions up again', async () => {
    const { supervisor, states, until } = create('ready');
    supervisor.markOpen('s1', () => ({ auth_token: 'newest' }));
    supervisor.markOpen('s2');
    supervisor.markClosed('s2');
    const first = await supervisor.start();

    await supervisor.client.diagnostics().catch(() => undefined);
    if (supervisor.status().state === 'ready') await until(({ state }) => state !== 'ready');
    const second = await supervisor.start();

    expect(second.token).not.toBe(first.token);
    expect((await readLog()).filter(({ event }) => event === 'reattach').map(({ url }) => url)).toEqual([
      '/api/session/s1/reattach', '/api/session/s1/reattach',
    ]);
    expect(states()).toEqual(['starting', 'ready', 'backoff', 'starting', 'ready']);
  });

  it('lets an open stream find the restarted sidecar and see that the turn is lost', async () => {
    const { supervisor } = create('ready');
    await supervisor.start();
    const types: string[] = [];

    for await (const { type } of supervisor.client.send('s1', 'hi')) types.push(type);

    expect(types).toEqual(['start', 'reconnecting', 'reconnected', 'stream_reset']);
    expect((await readLog()).at(-1)).toEqual({ event: 'resume', after: '1.1' });
  });

  it('kills and restarts a sidecar that no longer answers', async () => {
    const { supervisor, until } = create('ready', { limits: { ...QUICK, health: { everyMs: 20, timeoutMs: 1000, misses: 3 } } });
    await supervisor.start();
    const { pid } = supervisor.status();

    await supervisor.client.capabilities();
    const { problem } = await until(({ state }) => state === 'backoff');

    expect(problem).toMatchObject({ code: 'UNRESPONSIVE', exitCode: null });
    expect(isAlive(pid!)).toBe(false);
    await supervisor.start();
  });

  it('gives up after five crashes in a row and shows the last words', async () => {
    const { supervisor, states } = create('crash');

    const failure = await supervisor.start().catch((error: unknown) => error);

    expect(failure).toMatchObject({ name: 'SupervisorError', problem: { code: 'EXITED', exitCode: 1 } });
    expect(supervisor.status().problem!.stderr).toHaveLength(8000);
    expect(supervisor.status().problem!.stderr).toMatch(/the reason of the crash\n$/);
    expect((await readLog()).filter(({ event }) => event === 'start')).toHaveLength(5);
    expect(states().at(-1)).toBe('failed');
  });

  it('starts again by hand after it gave up', async () => {
    const { supervisor } = create('crash,crash,crash,crash,crash,ready');
    await supervisor.start().catch(() => undefined);

    await supervisor.start();

    expect(supervisor.status()).toMatchObject({ state: 'ready', problem: null });
  });

  it.each(['CONFIG_INVALID', 'STORE_TOO_NEW', 'BUNDLE_FILE_CHANGED'])('does not repeat a start that ended with %s', async (code) => {
    const { supervisor } = create(`fatal:${code}`);

    await expect(supervisor.start()).rejects.toMatchObject({ problem: { code, message: 'it does not work', exitCode: 2 } });
    expect((await readLog()).filter(({ event }) => event === 'start')).toHaveLength(1);
  });

  it('tries again after PORT_IN_USE', async () => {
    const { supervisor, states } = create('fatal:PORT_IN_USE,ready');

    await supervisor.start();

    expect(states()).toEqual(['starting', 'backoff', 'starting', 'ready']);
  });

  it('ends a sidecar that says nothing', async () => {
    const { supervisor, until } = create('silent,ready', { limits: { ...QUICK, startMs: 3000 } });
    const ended = until(({ state }) => state === 'backoff');

    await supervisor.start();

    expect((await ended).problem).toMatchObject({ code: 'START_TIMEOUT' });
    const [silent] = await readLog();
    expect(isAlive(silent!['pid'])).toBe(false);
  });

  it('refuses a sidecar of another contract', async () => {
    await expect(create('other-contract').supervisor.start()).rejects.toMatchObject({ problem: { code: 'CONTRACT_MISMATCH' } });
  });

  it('tells a program that cannot be started', async () => {
    const { supervisor } = create('ready', { node: folder.join('no-such-node') });

    await expect(supervisor.start()).rejects.toMatchObject({ problem: { code: 'SPAWN_FAILED' } });
  });

  it('is not ready when the sidecar dies while sessions are taken up again', async () => {
    const failed: string[] = [];
    const { supervisor, states } = create('dies-reattaching,ready', { onReattachFailure: (sessionId) => failed.push(sessionId) });
    supervisor.markOpen('s1');

    await supervisor.start();

    expect(states()).toEqual(['starting', 'backoff', 'starting', 'ready']);
    expect(failed).toEqual(['s1']);
  });

  it('ends what ignores the end of stdin and SIGTERM', async () => {
    const { supervisor } = create('stubborn', { limits: { ...QUICK, stopInputMs: 300, stopTermMs: 2000 } });
    await supervisor.start();
    const { pid } = supervisor.status();

    await supervisor.stop();

    expect(isAlive(pid!)).toBe(false);
    expect((await readLog()).map(({ event }) => event)).toEqual(process.platform === 'win32' ? ['start'] : ['start', 'sigterm']);
  });

  it('stops a sidecar that is still starting', async () => {
    const { supervisor } = create('silent');
    const starting = supervisor.start().catch((error: unknown) => error);
    const { pid } = supervisor.status();

    await supervisor.stop();

    expect(isAlive(pid!)).toBe(false);
    expect(await starting).toMatchObject({ problem: { code: 'STOPPED' } });
  });

  it('stops while it waits for the next try', async () => {
    const { supervisor, until } = create('crash', { limits: { ...QUICK, restart: { ...QUICK.restart, backoffMs: 60_000, backoffMaxMs: 60_000 } } });
    const starting = supervisor.start().catch((error: unknown) => error);
    await until(({ state }) => state === 'backoff');

    await supervisor.stop();

    expect(await starting).toMatchObject({ problem: { code: 'STOPPED' } });
    expect(supervisor.status().state).toBe('stopped');
  });

  it('starts anew after a stop', async () => {
    const { supervisor } = create('ready');
    await supervisor.start();

    const stopping = supervisor.stop();
    const endpoint = await supervisor.start();
    await stopping;

    expect(supervisor.status()).toMatchObject({ state: 'ready', endpoint });
  });
});

const PARENT = `
import { createSupervisor } from ${JSON.stringify(pathToFileURL(join(import.meta.dirname, '..', '..', 'src', 'supervisor', 'index.ts')).href)};
const supervisor = createSupervisor({
  node: process.execPath, program: process.argv[1], environment: { SESSIONS_DIR: process.argv[2], LLM_PROVIDER: 'offline' },
});
await supervisor.start();
console.log(supervisor.status().pid);
`;

it('leaves no sidecar behind when its own process is killed', async () => {
  const parent = spawn(process.execPath, ['--input-type=module', '--eval', PARENT, PROGRAM, folder.join('sessions')], { stdio: ['ignore', 'pipe', 'inherit'] });
  keepProcess({ title: 'the parent', child: parent, log: () => '' });
  const [line] = await once(parent.stdout.setEncoding('utf8'), 'data');
  const pid = Number(line);
  expect(isAlive(pid)).toBe(true);

  parent.kill('SIGKILL');

  try {
    await expect.poll(() => isAlive(pid)).toBe(false);
  } finally {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  }
});

it('keeps the real program running and stops it in order', async () => {
  const { supervisor } = create('ready', { program: PROGRAM, environment: { SESSIONS_DIR: folder.join('sessions'), LLM_PROVIDER: 'offline' } });
  await supervisor.start();
  const { session_id: sessionId } = await supervisor.client.createSession({ chapter_id: 'python_first_steps/ch1_reading_a_table' });
  const types = new Set<string>();
  for await (const { type } of supervisor.client.send(sessionId, 'Where do I start?')) types.add(type);
  supervisor.markOpen(sessionId);
  process.kill(supervisor.status().pid!, 'SIGKILL');
  const history = await untilAnswered(() => supervisor.client.history(sessionId));
  const { pid } = supervisor.status();

  await supervisor.stop();

  expect(isAlive(pid!)).toBe(false);
  expect([...types]).toEqual(expect.arrayContaining(['start', 'companion_chunk', 'done', 'memo_update']));
  expect(history.map(({ user_message: message }) => message)).toEqual(['Where do I start?']);
});

/** A call that meets the crash itself fails once; the next one waits for the restarted sidecar. */
async function untilAnswered<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!isConnectionLoss(error)) throw error;
      await new Promise((resolve) => { setTimeout(resolve, 20); });
    }
  }
}
