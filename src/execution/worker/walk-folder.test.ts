import { execFileSync } from 'node:child_process';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { createTemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import { collectArtifacts, mimeOf, pruneFigures, takeSnapshot } from './artifacts.ts';
import { walkFolder } from './walk-folder.ts';

it('lists regular files below a folder and follows no link', async () => {
  await using folder = await createTemporaryFolder();
  await mkdir(folder.join('a', 'b'), { recursive: true });
  await mkdir(folder.join('skipped'));
  await writeFile(folder.join('a', 'b', 'deep.txt'), '12');
  await writeFile(folder.join('skipped', 'x'), '');
  await symlink('/etc', folder.join('etc'));
  await symlink('/etc/hostname', folder.join('a', 'link'));
  if (process.platform !== 'win32') execFileSync('mkfifo', [folder.join('pipe')]);

  expect([...(await walkFolder(folder.path, { skip: ['skipped'] })).values()].map(({ name, size }) => [name, size])).toEqual([['a/b/deep.txt', 2]]);
  expect((await walkFolder(folder.join('missing'))).size).toBe(0);
  expect((await walkFolder(folder.join('etc'))).size).toBe(0);
});

it('tells new and changed files from those that stood there, at most 200', async () => {
  await using folder = await createTemporaryFolder();
  await writeFile(folder.join('same.txt'), 'same');
  const before = await takeSnapshot(folder.path);
  for (let index = 0; index < 205; index += 1) await writeFile(folder.join(`f${String(index).padStart(3, '0')}.bin`), '');
  const { artifacts, leftOut } = await collectArtifacts(folder.path, before, 'exe_1');

  expect([artifacts.length, leftOut, artifacts[0]]).toEqual([200, 5, { path: 'f000.bin', size_bytes: 0, mime: 'application/octet-stream', kind: 'file' }]);
});

it('keeps the figures of the last 50 runs and nothing that is not a run', async () => {
  await using folder = await createTemporaryFolder();
  for (let index = 0; index < 53; index += 1) {
    await mkdir(folder.join('.figures', `exe_${String(index).padStart(3, '0')}`), { recursive: true });
    await writeFile(folder.join('.figures', `exe_${String(index).padStart(3, '0')}`, '1.png'), '');
  }
  await mkdir(folder.join('.figures', 'mine'));
  pruneFigures(folder.path);
  const left = [...(await walkFolder(folder.join('.figures'))).keys()].sort();

  expect([left.length, left[0]]).toEqual([50, 'exe_003/1.png']);
});

it('prunes nothing through a planted link, and leaves what is no file of a run', async () => {
  await using folder = await createTemporaryFolder();
  for (let index = 0; index < 52; index += 1) await mkdir(folder.join('outside', `exe_${String(index).padStart(3, '0')}`), { recursive: true });
  await writeFile(folder.join('outside', 'exe_000', '1.png'), 'mine');
  await mkdir(folder.join('linked'));
  await symlink(folder.join('outside'), folder.join('linked', '.figures'));
  await mkdir(folder.join('inside', '.figures', 'exe_000', 'folder'), { recursive: true });
  for (let index = 1; index < 52; index += 1) await symlink(folder.join('outside', 'exe_000'), folder.join('inside', '.figures', `exe_${String(index).padStart(3, '0')}`));
  pruneFigures(folder.join('linked'));
  pruneFigures(folder.join('inside'));

  expect([...(await walkFolder(folder.join('outside'))).keys()]).toEqual(['exe_000/1.png']);
  expect((await collectArtifacts(folder.join('linked'), new Map(), 'exe_000')).artifacts).toEqual([]);
});

it.each([['a.CSV', 'text/csv'], ['x.unknown', 'application/octet-stream'], ['noext', 'application/octet-stream']])('types %s by its name', (name, mime) => {
  expect(mimeOf(name)).toBe(mime);
});
