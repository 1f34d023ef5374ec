import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { createTemporaryFolder } from '../../../tests/support/temporary-folder.ts';
import { walkFolders } from './disk-walk.ts';

const ANY = { bytes: Infinity, entries: Infinity, depth: Infinity };

it('leaves out of a first count what was made after the watch began, however old it claims to be', async () => {
  await using folder = await createTemporaryFolder('disk-walk');
  await mkdir(folder.join('old'));
  await writeFile(folder.join('old', 'kept'), 'x'.repeat(10_000));
  await delay(50); // The system's own clock of files ticks every few milliseconds.
  const since = Date.now();
  await delay(50);
  await mkdir(folder.join('old', 'new', 'deep'), { recursive: true });
  await writeFile(folder.join('old', 'new', 'more'), 'x'.repeat(50_000));
  await utimes(folder.join('old', 'new', 'more'), 0, 0);

  expect(walkFolders([folder.path], ANY, since)).toMatchObject({ entries: 2, depth: 2 });
  expect(walkFolders([folder.path], ANY)).toMatchObject({ entries: 5, depth: 3 });
});
