import { chmod, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { createLogger } from './logger.ts';
import { createRedactor } from './redactor.ts';
import { RotatingFile } from './rotating-file.ts';
import type { Clock } from './runtime.ts';

const clock: Clock = { now: () => new Date('2026-01-02T03:04:05.678Z'), monotonicMs: () => 0 };

it('writes redacted JSON lines to the file and, from their own level on, to the console', async () => {
  await using folder = await createTemporaryFolder();
  const logFile = folder.join('deep', 'sidecar.log');
  const redactor = createRedactor();
  redactor.register('super-secret-value');
  const console: string[] = [];
  const log = createLogger({ level: 'info', consoleLevel: 'warn', logFile, clock, redactor, writeConsole: (line) => console.push(line) });

  log.debug({ text: 'learner text' }, 'left out');
  log.info({ apiKey: 'abc', note: 'has super-secret-value', list: [{ access_token: 'x' }] }, 'calling with super-secret-value');
  log.warn({ error: new Error('no super-secret-value', { cause: new Error('root') }), input_tokens: 3 }, 'failed');
  log.close();

  const lines = (await readFile(logFile, 'utf8')).trimEnd().split('\n').map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { level: 'info', time: '2026-01-02T03:04:05.678Z', apiKey: '[redacted]', note: 'has [redacted]', list: [{ access_token: '[redacted]' }],
      msg: 'calling with [redacted]' },
    { level: 'warn', error: { name: 'Error', message: 'no [redacted]', cause: { message: 'root' } }, input_tokens: 3, msg: 'failed' },
  ]);
  expect(console.map((line) => JSON.parse(line).msg)).toEqual(['failed']);
  expect((await stat(logFile)).mode & 0o777).toBe(0o600);
});

it('rotates before a file grows past its size and keeps three of them', async () => {
  await using folder = await createTemporaryFolder();
  const file = new RotatingFile({ path: folder.join('x.log'), maxBytes: 10, monotonicMs: () => 0 });

  for (const line of ['1111111\n', '2222222\n', '3333333\n', '4444444\n', '5\n']) file.write(line);
  file.close();

  const contents = await Promise.all((await readdir(folder.path)).sort().map((name) => readFile(folder.join(name), 'utf8')));
  expect(contents).toEqual(['4444444\n5\n', '3333333\n', '2222222\n']);
});

it('goes on after a time without a place to write, and tells how many lines were lost', async () => {
  await using folder = await createTemporaryFolder();
  let now = 0;
  const path = folder.join('blocked', 'x.log');
  await writeFile(folder.join('blocked'), 'a file where a folder belongs');
  const file = new RotatingFile({ path, monotonicMs: () => now });

  file.write('1\n');
  file.write('2\n');
  await rm(folder.join('blocked'));
  file.write('3\n');
  now = 2000;
  file.write('4\n');
  file.close();
  file.write('5\n');

  expect(await readFile(path, 'utf8')).toBe('{"level":"warn","lines":3,"msg":"log lines were lost"}\n4\n');
});

it('says on the console, once, that the file cannot be written', async () => {
  await using folder = await createTemporaryFolder();
  await writeFile(folder.join('blocked'), 'a file where a folder belongs');
  const console: string[] = [];
  const log = createLogger({
    level: 'info', consoleLevel: 'error', logFile: folder.join('blocked', 'x.log'), clock, redactor: createRedactor(), writeConsole: (line) => console.push(line),
  });

  log.info({}, 'one');
  log.info({}, 'two');
  log.close();

  expect(console.map((line) => JSON.parse(line))).toEqual([{ level: 'warn', time: '2026-01-02T03:04:05.678Z', msg: 'the log file cannot be written' }]);
});

it('makes the file of an older program private', async () => {
  await using folder = await createTemporaryFolder();
  await writeFile(folder.join('x.log'), 'old\n');
  await chmod(folder.join('x.log'), 0o644);
  const file = new RotatingFile({ path: folder.join('x.log'), monotonicMs: () => 0 });

  file.write('new\n');
  file.close();

  expect((await stat(folder.join('x.log'))).mode & 0o777).toBe(0o600);
  expect(await readFile(folder.join('x.log'), 'utf8')).toBe('old\nnew\n');
});
