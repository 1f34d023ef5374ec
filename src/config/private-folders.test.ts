import { existsSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { makePrivateFolders } from './private-folders.ts';

const codeOf = (work: () => void): string => {
  try {
    work();
    return 'made';
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error);
  }
};

describe('folders for private things', () => {
  it('are made with every level that is missing, for this user alone, and may exist already', async () => {
    await using folder = await createTemporaryFolder();
    const path = folder.join('a', 'b', 'c');

    makePrivateFolders(path);
    makePrivateFolders(path);

    expect(['a', 'a/b', 'a/b/c'].map((name) => statSync(folder.join(name)).mode & 0o777)).toEqual([0o700, 0o700, 0o700]);
  });

  it('are refused at once where they cannot be', async () => {
    await using folder = await createTemporaryFolder();
    writeFileSync(folder.join('file'), '');
    symlinkSync(folder.join('nowhere'), folder.join('dangling'));
    symlinkSync(folder.join('loop'), folder.join('loop'));

    const below = ['file', 'file/x', 'dangling', 'dangling/x', 'loop'].map((name) => codeOf(() => makePrivateFolders(folder.join(name))));

    expect(below).toEqual(['EEXIST', 'EEXIST', 'EEXIST', 'EEXIST', 'ELOOP']);
    expect(existsSync(folder.join('nowhere'))).toBe(false);
  });

  it.runIf(process.platform === 'linux')('are refused at once where the system makes none', () => {
    expect(codeOf(() => makePrivateFolders('/proc/no/such/folder'))).toMatch(/^(ENOENT|EACCES|EPERM)$/);
  });
});
