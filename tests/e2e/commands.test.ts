import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import { describeVariables } from '../../src/config/index.ts';
import { runToEnd, startCommand } from '../support/command-line.ts';

const sample = join(import.meta.dirname, '..', '..', 'content');

describe('sidecar', () => {
  it.each(['serve', 'demo', 'chat', 'doctor', 'contract', 'content check', 'content tasks'])('%s has a help text', async (command) => {
    const { code, out, err } = await runToEnd([...command.split(' '), '--help']);

    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^Usage: sidecar /);
  });

  it('tells every setting in the help of serve', async () => {
    const { out } = await runToEnd(['serve', '--help']);

    const missing = describeVariables().filter(({ name, flag }) =>
      !/_(CA|RMA|MA|EXP|SMALL)$/.test(name) && !out.includes(flag === null ? name : `--${flag}`));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it.each([
    [['--version'], 0], [['--help'], 0], [[], 2], [['nonsense'], 2], [['serve', '--nonsense'], 2], [['content'], 2], [['content', 'check'], 2],
    [['content', 'check', sample], 0], [['content', 'check', sample, '--strict'], 1], [['content', 'check', join(sample, 'nowhere')], 2],
    [['content', 'tasks', sample, '--chapter', 'no_such_chapter'], 2],
    [['content', 'check', import.meta.filename], 1], [['content', 'tasks', import.meta.filename], 1],
  ])('%j ends with %i', async (args, expected) => {
    const { code, err } = await runToEnd(args);

    expect(code).toBe(expected);
    expect(err).not.toMatch(/^ +at /m);
  });

  it('prints the contract as one object', async () => {
    const { out } = await runToEnd(['contract']);

    expect(JSON.parse(out)).toMatchObject({ contract_version: 'v1', routes: expect.any(Array), sse_event_types: expect.arrayContaining(['complete']) });
  });

  it('prints the tasks of a chapter', async () => {
    const { out } = await runToEnd(['content', 'tasks', sample, '--chapter', 'ch1_reading_a_table', '--json']);

    const { chapters } = JSON.parse(out);
    expect(chapters).toHaveLength(1);
    expect(chapters[0].tasks[0]).toMatchObject({ id: 'load_table', kind: 'core', required: true });
  });

  it('finds the problems of a broken chapter', async () => {
    await using folder = await createTemporaryFolder();
    await mkdir(folder.join('curriculum', 'c', 'ch'), { recursive: true });
    await writeFile(folder.join('curriculum', 'c', 'ch', 'chapter_context.md'), '# Title\n');

    const { code, out } = await runToEnd(['content', 'check', folder.path, '--json']);

    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ ok: false, errors: expect.any(Number) });
  });
});

describe('doctor', () => {
  it('says what to do about a model that cannot be reached, without its key', async () => {
    await using folder = await createTemporaryFolder();
    const env = { SESSIONS_DIR: folder.join('s'), LLM_PROVIDER: 'custom', LLM_BASE_URL: 'http://127.0.0.1:9/v1', LLM_MODEL: 'm', LLM_API_KEY: 'key-of-the-test-0123' };

    const { code, out, err } = await runToEnd(['doctor', '--json'], { env });

    const { ok, checks } = JSON.parse(out);
    expect([code, ok]).toEqual([1, false]);
    expect(checks.find(({ name }: { name: string }) => name === 'model')).toMatchObject({ state: 'problem', fix: expect.stringContaining('LLM_BASE_URL') });
    expect(out + err).not.toContain('key-of-the-test-0123');
  });

  it('names a setting that cannot be used', async () => {
    const { code, out } = await runToEnd(['doctor', '--json'], { env: { PORT: 'x' } });

    expect(code).toBe(1);
    expect(JSON.parse(out).checks.find(({ name }: { name: string }) => name === 'configuration')).toMatchObject({ state: 'problem' });
  });
});

describe('chat', () => {
  it('starts a sidecar, talks, skips, reports and ends the session from a pipe', async () => {
    await using folder = await createTemporaryFolder();

    const { code, out, err } = await runToEnd(['chat', '--chapter', 'python_first_steps/ch1_reading_a_table'], {
      env: { SESSIONS_DIR: folder.join('s') }, input: 'Where do I start?\n/skip\n/report\n/nonsense\n/end\nnot read any more\n',
    });

    expect(code).toBe(0);
    expect(out).toContain('Welcome to "Reading a table"');
    expect(out).toContain('## Tasks');
    expect(out).toContain('# Learning report');
    expect(err).toContain('[skipped: Load the weather table]');
    expect(err).toContain('[unknown command /nonsense; /help lists them]');
    expect(err.split('offline tutor')).toHaveLength(2);
  });

  it('talks to a sidecar that runs already, and goes on with a session', async () => {
    await using folder = await createTemporaryFolder();
    await using server = startCommand(['serve'], { SESSIONS_DIR: folder.join('s') });
    const { url, token } = await server.announcement();
    const args = ['chat', '--url', String(url), '--session', 'mine', '--chapter', 'python_first_steps/ch1_reading_a_table'];

    const first = await runToEnd(args, { env: { SIDECAR_TOKEN: String(token) }, input: '' });
    const second = await runToEnd(args, { env: { SIDECAR_TOKEN: String(token) }, input: 'hello\n' });

    expect([first.code, second.code]).toEqual([0, 0]);
    expect(first.out).toContain('Welcome to');
    expect(second.out).not.toContain('Welcome to');
  });

  it('tells a wrong token', async () => {
    await using folder = await createTemporaryFolder();
    await using server = startCommand(['serve'], { SESSIONS_DIR: folder.join('s') });
    const { url } = await server.announcement();

    const { code, err } = await runToEnd(['chat', '--url', String(url), '--token', 'wrong']);

    expect(code).toBe(1);
    expect(err).toContain('TOKEN_REQUIRED');
  });
});

it('demo shows commands that work', async () => {
  await using folder = await createTemporaryFolder();
  await using demo = startCommand(['demo'], { SESSIONS_DIR: folder.join('s') });
  const { url, token } = await demo.announcement();

  demo.child.kill('SIGTERM');
  const { code, err } = await demo.ended();

  expect(code).toBe(0);
  expect(err).toContain(`export SIDECAR_TOKEN=${String(token)}`);
  expect(err).toContain(`chat --url ${String(url)}`);
  expect(err).toContain('LLM_PROVIDER=');
});
