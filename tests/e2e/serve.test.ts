import { readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { AddressInfo } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeVariables, userFolders } from '../../src/config/index.ts';
import type { TemporaryFolder } from '../support/temporary-folder.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { runToEnd, startCommand } from '../support/command-line.ts';
import { freePort } from '../support/free-port.ts';

const TOKEN = 'a-token-that-the-parent-has-made-0123456789';

let folder: TemporaryFolder;
let env: Record<string, string>;
beforeEach(async () => {
  folder = await createTemporaryFolder();
  env = { SESSIONS_DIR: folder.join('sessions') };
});
afterEach(() => folder[Symbol.asyncDispose]());

const health = async (url: unknown, token: unknown): Promise<unknown> =>
  (await (await fetch(`${String(url)}/health`, { headers: { authorization: `Bearer ${String(token)}` } })).json());

describe('the ready line', () => {
  it('comes first and holds the token that was made', async () => {
    await using command = startCommand(['serve'], env);

    const ready = await command.announcement();

    expect(Object.keys(ready)).toEqual(['event', 'url', 'pid', 'contract_version', 'version', 'auth', 'token']);
    expect(ready).toMatchObject({ event: 'ready', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/), pid: command.child.pid, auth: 'token' });
    expect(await health(ready['url'], ready['token'])).toMatchObject({ status: 'healthy', pid: command.child.pid });
  });

  it.each([
    ['from stdin', { args: ['--token-stdin'], more: {}, input: `${TOKEN}\n` }],
    ['from stdin, with a carriage return', { args: ['--token-stdin'], more: { SIDECAR_TOKEN: 'x'.repeat(40) }, input: `${TOKEN}\r\n` }],
    ['from the variable', { args: [], more: { SIDECAR_TOKEN: TOKEN }, input: '' }],
  ])('does not repeat a token %s', async (_title, { args, more, input }) => {
    await using command = startCommand(['serve', ...args], { ...env, ...more });
    command.child.stdin.write(input);

    const ready = await command.announcement();

    expect(ready).not.toHaveProperty('token');
    expect(await health(ready['url'], TOKEN)).toMatchObject({ status: 'healthy', pid: command.child.pid });
  });

  it('tells no token in desktop mode, and warns of the open routes', async () => {
    await using command = startCommand(['serve', '--auth', 'desktop', '--log-file', folder.join('sidecar.log')], env);

    const ready = await command.announcement();
    command.child.kill('SIGTERM');
    await command.ended();

    expect(ready).toMatchObject({ auth: 'desktop' });
    expect(ready).not.toHaveProperty('token');
    const log = await readFile(folder.join('sidecar.log'), 'utf8');
    expect(log).toContain('"POST /api/session/{session_id}/message/stream"');
    expect((await stat(folder.join('sidecar.log'))).mode & 0o777).toBe(0o600);
  });
});

it('starts as the shipped desktop starts it, with every variable empty that it leaves empty', async () => {
  const empty = ['CURRICULUM_DIR', 'EXPERTS_DIR', 'MAIN_AGENTS_DIR', 'CURRICULUM_TEMPLATES_DIR', 'PYTHON_RUNTIME_ROOT', 'TUTOR_ROOT',
    'LLM_PROVIDER', 'LLM_MODEL', 'LLM_API_KEY', 'LLM_BASE_URL'];
  const port = await freePort();
  await using command = startCommand(
    ['serve', '--host', '127.0.0.1', '--port', String(port), '--auth', 'desktop', '--exit-with-parent', '--launch-python', process.execPath],
    { ...Object.fromEntries(empty.map((name) => [name, ''])), HOST: '127.0.0.1', PORT: '8000', ...env, LOG_FILE: folder.join('sessions', 'sidecar.log') },
  );

  const ready = await command.announcement();
  const answers = await Promise.all(['/health', '/api/contract', '/api/sessions'].map((path) => fetch(`http://127.0.0.1:${port}${path}`)));

  expect(ready).toMatchObject({ url: `http://127.0.0.1:${port}`, auth: 'desktop' });
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
});

it.each(['', '  '])('takes every variable as unset when it is empty (%j)', async (blank) => {
  const names = describeVariables().map(({ name }) => name).filter((name) => name !== 'LLM_PROVIDER');
  await using command = startCommand(['serve'], { ...Object.fromEntries(names.map((name) => [name, blank])), HOME: folder.path });

  const ready = await command.announcement();

  expect(ready).toMatchObject({ event: 'ready', auth: 'token', token: expect.any(String), url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
  const { data } = userFolders({ env: {}, home: folder.path, platform: process.platform });
  expect((await stat(join(data, 'sessions'))).isDirectory()).toBe(true);
});

describe('the end', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('is orderly after %s', async (signal) => {
    await using command = startCommand(['serve'], env);
    await command.announcement();

    command.child.kill(signal);

    expect(await command.announcement()).toEqual({ event: 'stopping', reason: signal.toLowerCase() });
    expect((await command.ended()).code).toBe(0); // A forced end has another code.
  });

  it('comes with the end of stdin when that was asked for', async () => {
    await using command = startCommand(['serve', '--exit-with-parent', '--token-stdin'], env);
    command.child.stdin.write(`${TOKEN}\n`);
    await command.announcement();

    command.child.stdin.end();

    expect(await command.announcement()).toEqual({ event: 'stopping', reason: 'stdin_closed' });
    expect((await command.ended()).code).toBe(0);
  });

  it('stays orderly when a wrapper repeats the signal', async () => {
    await using command = startCommand(['serve'], env);
    await command.announcement();

    command.child.kill('SIGINT');
    command.child.kill('SIGINT');

    expect((await command.ended()).code).toBe(0);
  });

  it('came without a secret in any line', async () => {
    await using command = startCommand(['serve'], { ...env, SIDECAR_TOKEN: TOKEN, LLM_API_KEY: 'key-of-the-test-0123' });
    await command.announcement();
    command.child.kill('SIGTERM');

    const { out, err } = await command.ended();
    expect(out + err).not.toContain(TOKEN);
    expect(out + err).not.toContain('key-of-the-test-0123');
  });

  it('does not come with the end of stdin otherwise', async () => {
    await using command = startCommand(['serve'], env);
    command.child.stdin.end();

    const ready = await command.announcement();

    expect(await health(ready['url'], ready['token'])).toMatchObject({ status: 'healthy' });
  });
});

describe('a start that fails', () => {
  it.each([
    ['PORT', ['--port', 'x'], {}],
    ['--nonsense', ['--nonsense'], {}],
    ['HOST', [], { HOST: '0.0.0.0' }],
    ['SIDECAR_TOKEN', [], { SIDECAR_TOKEN: 'short-secret' }],
  ])('ends with 2 and one line for %s', async (name, args, more) => {
    const { code, out, err } = await runToEnd(['serve', ...args], { env: { ...env, ...more } });

    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ event: 'fatal', code: 'CONFIG_INVALID', message: expect.stringContaining(name) });
    expect(err.trimEnd().split('\n')).toHaveLength(1);
    expect(err + out).not.toContain('short-secret');
  });

  it.each<[string, (folder: TemporaryFolder) => Promise<string>]>([
    ['a link that leads nowhere', async (place) => {
      await symlink(place.join('nowhere'), place.join('dangling'));
      return place.join('dangling');
    }],
    ['a file', async (place) => {
      await writeFile(place.join('file'), '');
      return place.join('file');
    }],
    ...(process.platform === 'linux' ? [['a place where the system makes no folder', async () => '/proc/no/such/folder'] as [string, () => Promise<string>]] : []),
  ])('ends with 2 and one line when the data folder is %s', async (_title, make) => {
    const path = await make(folder);

    const { code, out, err } = await runToEnd(['serve', '--sessions-dir', path]);

    expect([code, JSON.parse(out).code]).toEqual([2, 'CONFIG_INVALID']);
    expect(err).toMatch(/^sidecar: SESSIONS_DIR \(--sessions-dir\): .+\n$/);
    expect(err).toContain(path);
  });

  it('ends with 2 when the token does not come', async () => {
    const { code, out } = await runToEnd(['serve', '--token-stdin'], { env });

    expect([code, JSON.parse(out).code]).toEqual([2, 'CONFIG_INVALID']);
  });

  it('ends with 3 when the port is taken, and leaves its holder alone', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => {
      holder.listen(0, '127.0.0.1', resolve);
    });
    const { port } = holder.address() as AddressInfo;

    const { code, out, err } = await runToEnd(['serve', '--port', String(port)], { env });

    expect([code, JSON.parse(out).code, holder.listening]).toEqual([3, 'PORT_IN_USE', true]);
    expect(err).toBe(`sidecar: port ${port} is taken by another program; choose another with PORT (--port), 0 takes a free one\n`);
    holder.close();
  });

  it('ends with 4 when another sidecar owns the store', async () => {
    await using owner = startCommand(['serve'], env);
    await owner.announcement();

    const logFile = folder.join('second.log');
    const { code, out, err } = await runToEnd(['serve', '--log-file', logFile], { env });

    expect([code, JSON.parse(out).code]).toEqual([4, 'STORE_LOCKED']);
    expect(err).toBe(`sidecar: another sidecar uses ${env['SESSIONS_DIR']}; end that one, or choose another folder with SESSIONS_DIR (--sessions-dir)\n`);
    expect(JSON.parse(await readFile(logFile, 'utf8'))).toMatchObject({ msg: 'the start failed', code: 'STORE_LOCKED' });
  });

  it('ends with 5 when only a newer program can read the store', async () => {
    await using first = startCommand(['serve'], env);
    await first.announcement();
    first.child.kill('SIGTERM');
    await first.ended();
    const database = new DatabaseSync(folder.join('sessions', 'sidecar.db'));
    database.exec("PRAGMA user_version = 9000; UPDATE meta SET value = '9000' WHERE key = 'store_schema_compatible'");
    database.close();

    const { code, out } = await runToEnd(['serve'], { env });

    expect([code, JSON.parse(out).code]).toEqual([5, 'STORE_TOO_NEW']);
  });
});
