import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AT, sampleSession } from '../../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import type { TemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import { silentLog, systemClock } from '../../config/index.ts';
import { openStore } from '../../store/index.ts';
import type { Store } from '../../store/index.ts';
import { chooseInputs, readInputs } from './choose-inputs.ts';
import { clipBytes } from './clip-bytes.ts';
import { readTextFile } from './read-tools.ts';
import { findFile } from './run-tool.ts';
import { listSessionFiles } from './session-files.ts';

let folder: TemporaryFolder;
let store: Store;
beforeEach(async () => {
  folder = await createTemporaryFolder('session');
  store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  store.sessions.insert(sampleSession('s1'));
});
afterEach(async () => {
  store.close();
  await folder[Symbol.asyncDispose]();
});

async function write(files: Readonly<Record<string, string | Uint8Array>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(folder.join('s1', name)), { recursive: true });
    await writeFile(folder.join('s1', name), content);
  }
}
const list = async () => await listSessionFiles(store, 's1', folder.join('s1'));
const origin = (name: string) => store.files.put({ session_id: 's1', area: 'upload', name, origin: 'bundle', sha256: null, size_bytes: 1, created_at: AT, turn_index: 0 });

describe('the files of a session', () => {
  it('are uploads, datasets and the learner’s own; junk, links, solutions and records are none', async () => {
    await write({
      'working_files/own.csv': 'a\n1\n', 'working_files/given.csv': 'b\n', 'working_files/.DS_Store': 'x', 'user_workspace/main.py': 'print()',
      'user_workspace/own.csv': 'shadowed', 'user_workspace/solution.py': 'secret', 'user_workspace/.figures/1.png': 'x', 'user_workspace/notes/a.md': '#',
      'expert_workspace/consultations/consult_0001/artifacts/result.csv': 'x', 'home/.bashrc': 'x',
    });
    origin('given.csv');
    await symlink('/etc/passwd', folder.join('s1', 'user_workspace', 'link.txt'));
    await symlink('/etc', folder.join('s1', 'user_workspace', 'etc'));

    expect((await list()).map(({ name, bytes, kind, origin: from }) => [name, bytes, kind, from])).toEqual([
      ['given.csv', 2, 'table', 'bundle'], ['own.csv', 4, 'table', 'upload'], ['main.py', 7, 'code', 'workspace'], ['notes/a.md', 1, 'text', 'workspace'],
    ]);
  });

  it('are found by their exact names only', async () => {
    await write({ 'working_files/own.csv': 'a' });
    const files = await list();

    expect(['own.csv', 'inputs/own.csv', '/workspace/inputs/own.csv'].map((name) => findFile(files, name)?.name)).toEqual(['own.csv', 'own.csv', 'own.csv']);
    expect(['OWN.csv', '../own.csv', 'working_files/own.csv', '/etc/passwd', ''].map((name) => findFile(files, name))).toEqual([null, null, null, null, null]);
  });

  it('become inputs when the question names them, else all uploads and datasets', async () => {
    await write({ 'working_files/b.csv': 'b', 'working_files/a.csv': 'a', 'working_files/data.csv': 'd', 'user_workspace/main.py': 'm', 'user_workspace/own.csv': 'o' });
    const files = await list();
    const names = (fileName: string | null, text = '') => chooseInputs(files, { fileName, text }).map(({ name }) => name);

    expect(names(null)).toEqual(['a.csv', 'b.csv', 'data.csv']);
    expect(names('b.csv')).toEqual(['b.csv']);
    expect(names(null, 'What does own.csv hold?')).toEqual(['own.csv']);
    expect(names(null, 'What does mydata.csv hold?')).toEqual(['a.csv', 'b.csv', 'data.csv']);
    expect(names('main.py')).toEqual(['a.csv', 'b.csv', 'data.csv', 'main.py']);
    expect((await readInputs(chooseInputs(files, { fileName: 'b.csv', text: '' }))).map(({ name, bytes }) => [name, Buffer.from(bytes).toString()])).toEqual([['b.csv', 'b']]);
  });

  it('become at most ten inputs of 20 MB', async () => {
    await write(Object.fromEntries(Array.from({ length: 12 }, (_, index) => [`working_files/${String(index).padStart(2, '0')}.csv`, 'x'])));
    const files = (await list()).map((file, index) => (index === 0 ? { ...file, bytes: 21 * 1024 * 1024 } : file));

    expect(chooseInputs(files, { fileName: null, text: '' }).map(({ name }) => name)).toEqual(['01.csv', '02.csv', '03.csv', '04.csv', '05.csv', '06.csv', '07.csv', '08.csv', '09.csv', '10.csv']);
  });
});

describe('read_text', () => {
  const read = async (content: string | Uint8Array, part: { offset: number; max_bytes: number }) => {
    await write({ 'working_files/a.txt': content });
    return await readTextFile((await list())[0]!, part);
  };

  it.each([
    [0, 8192, '一二三', false], [0, 4, '一', true], [4, 8192, '三', false], [3, 3, '二', true], [9, 10, '', false], [100, 10, '', false],
  ])('from %i takes %i bytes and splits no character', async (offset, max_bytes, text, truncated) => {
    expect((await read('一二三', { offset, max_bytes })).result).toEqual({ text, total_bytes: 9, truncated });
  });

  it('refuses what is no text', async () => {
    expect((await read(Uint8Array.of(1, 0, 2), { offset: 0, max_bytes: 10 })).result).toMatchObject({ error: 'not_text' });
  });

  it('does not follow a link that took the place of the file', async () => {
    await write({ 'working_files/a.txt': 'x', 'secret.txt': 'secret' });
    const [file] = await list();
    await symlink(folder.join('s1', 'secret.txt'), folder.join('s1', 'working_files', 'b.txt'));

    expect((await readTextFile({ ...file!, path: folder.join('s1', 'working_files', 'b.txt') }, { offset: 0, max_bytes: 10 })).result).toMatchObject({ error: 'file_gone' });
  });
});

it('clips a text in its middle, between characters', () => {
  const clipped = clipBytes('好'.repeat(1000), 300);

  expect(Buffer.byteLength(clipped)).toBeLessThan(340);
  expect(clipped).toMatch(/^好+\n\[… \d+ bytes left out …\]\n好+$/);
  expect(clipBytes('short', 300)).toBe('short');
});
