import { mkdir, readFile, readdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Tree } from './content-fixtures.ts';
import { chapterTree, openWorkshop } from './content-fixtures.ts';
import { isReferenceSolution } from './names.ts';
import { readReferenceSolutions } from './reference-solutions.ts';
import { copyStarterFiles, planStarterFiles } from './starter-files.ts';

const targets = (dir: string) => ({ user_workspace: join(dir, 'session/user_workspace'), working_files: join(dir, 'session/working_files') });

async function listAll(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1)).sort();
}

const STARTERS: Tree = {
  'scripts/start.py': 'print(1)', 'scripts/lib/tools.py': 'x = 1', 'scripts/README.md': 'read me', 'datasets/scores.csv': 'a\n1', 'datasets/more/x.csv': 'b',
  'datasets/notes.md': 'no', 'datasets/manifest.json': '{}', 'datasets/.DS_Store': 'junk', 'scripts/__pycache__/a.pyc': 'junk', 'assets/logo.png': 'png',
};

describe('starter files', () => {
  it.each(['v1', 'v2'] as const)('copies code and datasets of a %s chapter, each dataset under both names', async (layout) => {
    await using shop = await openWorkshop();
    const dir = await shop.write('chapter', { ...chapterTree({ layout }), ...STARTERS });

    const plan = await planStarterFiles({ dir });
    const { copied, diagnostics } = await copyStarterFiles(plan, targets(shop.dir));

    expect([plan.hasStarterCode, plan.hasDatasets, plan.diagnostics, diagnostics]).toEqual([true, true, [], []]);
    expect(await listAll(join(shop.dir, 'session'))).toEqual([
      'user_workspace/README.md', 'user_workspace/datasets/more/x.csv', 'user_workspace/datasets/scores.csv', 'user_workspace/lib/tools.py',
      'user_workspace/start.py', 'working_files/scores.csv', 'working_files/x.csv',
    ]);
    expect(copied.find(({ path }) => path === 'start.py')).toEqual({
      kind: 'code', name: 'start.py', target: 'user_workspace', path: 'start.py', size: 8,
      sha256: 'd287bb7f9d15abdc5b6e98536263815744b6ef21c8f3c839fc434ca70d8efe99',
    });
    expect(await readFile(join(shop.dir, 'session/working_files/scores.csv'), 'utf8')).toBe('a\n1');
  });

  it('copies the code and dataset dialect to the same places', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('chapter', { ...chapterTree(), 'code/sub/a.py': 'x', 'dataset/d.csv': 'y' });

    const { copies } = await planStarterFiles({ dir });

    expect(copies.map(({ from, target, path }) => [from, target, path])).toEqual([
      ['code/sub/a.py', 'user_workspace', 'sub/a.py'], ['dataset/d.csv', 'working_files', 'd.csv'], ['dataset/d.csv', 'user_workspace', 'dataset/d.csv'],
    ]);
  });

  it('leaves out links, names that no workspace can hold and files above 20 MB, and says so', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('chapter', { 'scripts/ok.py': 'x', 'scripts/con.py': 'x', 'scripts/a:b.py': 'x', 'private.txt': 'secret', 'datasets/big.csv': '' });
    await truncate(join(dir, 'datasets/big.csv'), 20 * 1024 * 1024 + 1);
    await symlink(join(dir, 'private.txt'), join(dir, 'scripts/link.py'));

    const { copies, diagnostics } = await planStarterFiles({ dir });

    expect(copies.map(({ path }) => path)).toEqual(['ok.py']);
    expect(diagnostics.map(({ code, path }) => [code, path])).toEqual([
      ['file_skipped', 'scripts/a:b.py'], ['file_skipped', 'scripts/con.py'], ['file_skipped', 'scripts/link.py'], ['file_skipped', 'datasets/big.csv'],
    ]);
  });

  it('stops at 100 MB together', async () => {
    await using shop = await openWorkshop();
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const dir = await shop.write('chapter', Object.fromEntries(names.map((name) => [`datasets/${name}.csv`, ''])));
    await Promise.all(names.map((name) => truncate(join(dir, `datasets/${name}.csv`), 18 * 1024 * 1024)));

    const { diagnostics } = await planStarterFiles({ dir });

    expect(diagnostics.map(({ path }) => path)).toEqual(['datasets/f.csv']);
  });

  it('does not follow a data folder that is a link out of the chapter', async () => {
    await using shop = await openWorkshop();
    const secret = await shop.write('private', { 'a.csv': 'x' });
    const dir = await shop.write('chapter', chapterTree());
    await symlink(secret, join(dir, 'datasets'));

    expect((await planStarterFiles({ dir })).copies).toEqual([]);
  });

  it('keeps the first of two files that want one name, also when they differ by case', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('chapter', { 'scripts/a.py': 'first', 'code/A.py': 'second', 'datasets/x.csv': '1', 'datasets/sub/x.csv': '2' });

    const { copies, diagnostics } = await planStarterFiles({ dir });

    expect(copies.map(({ from, target }) => [from, target])).toEqual([
      ['scripts/a.py', 'user_workspace'], ['datasets/sub/x.csv', 'working_files'], ['datasets/sub/x.csv', 'user_workspace'], ['datasets/x.csv', 'user_workspace'],
    ]);
    expect(diagnostics.map(({ code, path }) => [code, path])).toEqual([['name_collision', 'code/A.py'], ['name_collision', 'datasets/x.csv']]);
  });

  it('overwrites nothing', async () => {
    await using shop = await openWorkshop();
    const dir = await shop.write('chapter', { 'scripts/a.py': 'from the bundle' });
    const folders = targets(shop.dir);
    await mkdir(folders.user_workspace, { recursive: true });
    await writeFile(join(folders.user_workspace, 'a.py'), 'mine');

    const result = await copyStarterFiles(await planStarterFiles({ dir }), folders);

    expect([result.copied, result.diagnostics.map(({ code }) => code)]).toEqual([[], ['name_collision']]);
    expect(await readFile(join(folders.user_workspace, 'a.py'), 'utf8')).toBe('mine');
  });

  it('ends with the reason of an aborted signal', async () => {
    await using shop = await openWorkshop();
    const plan = await planStarterFiles({ dir: await shop.write('chapter', { 'scripts/a.py': 'x' }) });

    await expect(copyStarterFiles(plan, targets(shop.dir), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop');
  });
});

describe('reference solutions', () => {
  it.each(['solution.py', 'Solution_ch1.ipynb', 'ch1-solution.py', 'solutions/x.py', 'answer_key.md', 'ch1.solution.py', 'a/ch1_solutions/b.csv', 'SOLUTION', 'x_solution'])(
    'recognises %s', (path) => {
      expect(isReferenceSolution(path)).toBe(true);
    });

  it.each(['resolution.py', 'start.py', 'dissolution/x.py', 'my_solution_notes.py', 'answers.md'])('does not take %s for one', (path) => {
    expect(isReferenceSolution(path)).toBe(false);
  });

  it('are never planned or mentioned, and are read for the guard alone', async () => {
    await using shop = await openWorkshop();
    const notebook = JSON.stringify({ cells: [{ cell_type: 'markdown', source: 'text' }, { cell_type: 'code', source: ['a = 1\n', 'b = 2'] }] });
    const dir = await shop.write('chapter', {
      ...chapterTree(), 'scripts/start.py': 'x', 'scripts/solution.py': 'print(42)', 'scripts/Solution_ch1.ipynb': notebook, 'code/ch1-solution.py': 'y = 2',
      'solutions/x.py': 'z = 3', 'answer_key.md': 'B', 'datasets/solutions/d.csv': 'a', 'assets/big_solution.py': 'x'.repeat(300 * 1024),
    });

    const plan = await planStarterFiles({ dir });
    const solutions = await readReferenceSolutions({ dir });

    expect(JSON.stringify(plan)).not.toMatch(/solution|answer_key/i);
    expect(plan.copies.map(({ path }) => path)).toEqual(['start.py']);
    expect(solutions.map(({ text }) => text).sort()).toEqual(['B', 'a', 'a = 1\nb = 2', 'print(42)', 'y = 2', 'z = 3']);
  });
});
