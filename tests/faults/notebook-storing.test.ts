import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openNotebookBench } from '../support/notebook-bench.ts';
import { openNotebookService } from '../support/notebook-http.ts';
import type { NotebookService } from '../support/notebook-http.ts';

let service: NotebookService;

beforeAll(async () => { service = await openNotebookService(); });
afterAll(async () => { await service[Symbol.asyncDispose](); });

const cellOf = (id: string): object => ({ id, cell_type: 'code', source: '', metadata: {}, outputs: [], execution_count: null });
const NOTEBOOK = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [cellOf('one'), cellOf('two')] };

it.each([
  ['the cell removed it', ['import os\nos.remove("n.ipynb")\n1'], 'the file does not exist'],
  ['the cell wrote something else over it', ['open("n.ipynb", "w").write("{")\n1'], 'notebook'],
  ['it would be larger than 20 MiB', Array(2).fill('from IPython.display import HTML, display\nfor _ in range(2): display(HTML("x" * 6_300_000))\n1'), 'large'],
  ['the workspace is full', ['open("big", "wb").truncate(210 * 2**20)\n1'], 'MiB'],
])('answers a cell whose notebook cannot be stored, because %s, and says why', async (_title, cells, why) => {
  const session = await service.newSession();
  const base = `/api/session/${session}/notebook`;
  expect((await service.call('PUT', `${base}/file?path=n.ipynb`, { notebook: NOTEBOOK })).status).toBe(200);

  const answers = [];
  for (const [index, code] of cells.entries()) {
    answers.push(await service.call('POST', `${base}/cell/run`, { code, notebook_path: 'n.ipynb', cell_id: ['one', 'two'][index] }));
  }

  const last = answers.at(-1)!;
  expect([answers.map(({ status }) => status), last.body.result_repr]).toEqual([cells.map(() => 200), '1']);
  expect(last.body.warnings).toEqual([expect.stringMatching(/^the outputs were not stored in n\.ipynb: ./)]);
  expect(last.body.warnings[0]).toContain(why);
});

it('says so in the language of the session, also when the cell is gone', async () => {
  await using bench = await openNotebookBench();
  const session = bench.session('zh', 'zh');
  const path = join(bench.workspace(session), 'n.ipynb');
  const write = (notebook: object): void => writeFileSync(path, JSON.stringify(notebook));
  write(NOTEBOOK);
  const gone = bench.run(session, 'import os, time\nwhile os.path.getsize("n.ipynb") > 200: time.sleep(0.01)', { notebook_path: 'n.ipynb', cell_id: 'one' });
  await expect.poll(() => bench.notebooks.status(session).state, { timeout: 60_000 }).toBe('busy');
  write({ ...NOTEBOOK, cells: [cellOf('two')] });

  const warnings = [(await gone).warnings];
  warnings.push((await bench.run(session, '1', { notebook_path: 'n.ipynb', cell_id: 'two' })).warnings);
  const removed = bench.run(session, 'import os\nos.remove("n.ipynb")', { notebook_path: 'n.ipynb', cell_id: 'two' });
  warnings.push((await removed).warnings);
  rmSync(path, { force: true });

  expect(warnings).toEqual([['笔记本中已经没有这个代码单元'], undefined, [expect.stringMatching(/^输出没有存入 n\.ipynb：\p{Script=Han}/u)]]);
});
