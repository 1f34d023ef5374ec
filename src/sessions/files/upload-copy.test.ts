import { lstat, mkdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { copyDatasets } from '../../execution/worker/index.ts';
import { CHAPTER, openBench } from '../sessions-bench.test-support.ts';
import type { Bench } from '../sessions-bench.test-support.ts';

let bench: Bench;
let count = 0;
beforeAll(async () => { bench = await openBench(); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });

/** A session whose upload `data.csv` a run has copied into the workspace. */
async function openSession(): Promise<{ id: string; path: string; copy(): Promise<void>; upload(text: string): Promise<void> }> {
  count += 1;
  const id = `copy${count}`;
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: id });
  const workspace = bench.path(id, 'user_workspace');
  const upload = async (text: string): Promise<void> => {
    await bench.sessions.files.upload(id, [{ name: 'data.csv', bytes: Buffer.from(text) }]);
  };
  const copy = async (): Promise<void> => {
    await copyDatasets({ store: bench.store, clock: bench.clock }, { sessionId: id, uploads: bench.path(id, 'working_files'), workspace });
  };
  await upload('v=1');
  await copy();
  return { id, path: bench.path(id, 'user_workspace', 'data.csv'), upload, copy };
}

const rowsOf = (id: string) => bench.store.files.list(id, 'workspace').filter(({ name }) => name === 'data.csv');

it('goes with its upload, and the next upload of that name is seen by the next run', async () => {
  const { id, path, upload, copy } = await openSession();
  const before = await readFile(path, 'utf8');
  await bench.sessions.files.removeUpload(id, 'data.csv');
  const [between, rows] = [await lstat(path).catch(() => 'gone'), rowsOf(id)];
  await upload('v=2');
  await copy();

  expect([before, between, rows]).toEqual(['v=1', 'gone', []]);
  expect(await readFile(path, 'utf8')).toBe('v=2');
});

it('stays when the learner has changed it, also to something of the same size', async () => {
  const { id, path } = await openSession();
  await writeFile(path, 'v=9');
  await bench.sessions.files.removeUpload(id, 'data.csv');

  expect(await readFile(path, 'utf8')).toBe('v=9');
});

it('stays when the learner has written it, whatever its bytes', async () => {
  const { id, path, upload, copy } = await openSession();
  await bench.sessions.files.write(id, 'data.csv', { content: 'v=1', encoding: 'utf-8', ifMatch: null });
  await bench.sessions.files.removeUpload(id, 'data.csv');
  await upload('v=2');
  await copy();

  expect(await readFile(path, 'utf8')).toBe('v=1');
  expect(rowsOf(id)).toMatchObject([{ origin: 'user' }]);
});

it.each(['a link', 'a folder'])('does not hinder the removal when %s lies there', async (kind) => {
  const { id, path } = await openSession();
  await rm(path);
  if (kind === 'a link') await symlink(bench.path(id, 'working_files', 'data.csv'), path);
  else await mkdir(path);

  expect(await bench.sessions.files.removeUpload(id, 'data.csv')).toMatchObject({ success: true });
  expect((await lstat(path)).isFile()).toBe(false);
  expect((await bench.sessions.files.uploads(id)).map(({ filename }) => filename)).not.toContain('data.csv');
});
