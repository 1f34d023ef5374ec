import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeError, SidecarError } from '../../src/contracts/index.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';

let bench: NotebookBench;
const [S, Z] = ['answers', 'chinese'];

beforeAll(async () => {
  bench = await openNotebookBench();
  bench.session(S);
  bench.session(Z, 'zh');
});
afterAll(async () => { await bench[Symbol.asyncDispose](); });

describe('the sentence of a cell', () => {
  it.each([
    ['the line of a syntax error', 'a = 1\nb = 2\nif a\n    b = 3', 60, "Line 3 is not valid Python: expected ':'"],
    ['the line where it was stopped', 'import time\ndef wait():\n    time.sleep(60)\n\nwait()', 1, 'Stopped after 1 s, at line 3.'],
    ['the code that it gave to sys.exit', 'import sys\nsys.exit(4)', 60, 'The program ended itself with code 4.'],
    ['what input needs', 'input("? ")', 60, 'The program asked for input, but none was given.'],
  ])('tells %s', async (_title, code, seconds, message) => {
    expect((await bench.run(S, code, { timeout_seconds: seconds })).message).toBe(message);
  });

  it('tells the code of a program that ends its process, as the record does', async () => {
    const session = bench.session('exits');

    const answer = await bench.run(session, 'import os\nos._exit(3)');

    expect(answer).toMatchObject({ reason: 'exit', message: 'The program ended itself with code 3.', error: { evalue: 'The program ended itself with code 3.' } });
    expect(bench.store.executions.get(answer.execution_id)).toMatchObject({ body: { returncode: 3 } });
    await bench.notebooks.endSession(session);
  });

  it('tells of a kernel that crashed three times, and questions to it are refused with the same words', async () => {
    const session = bench.session('dead');
    for (let crash = 1; crash <= 3; crash += 1) await bench.run(session, 'import os\nos._exit(1)');

    const answer = await bench.run(session, '1');
    const refused = await bench.notebooks.complete(session, { code: 'pri', cursor_pos: 3 }).catch((error: unknown) => error);

    expect(answer).toMatchObject({ reason: 'worker_lost', detail: 'dead', message: 'The kernel crashed three times; restart it.' });
    expect(refused).toBeInstanceOf(SidecarError);
    expect([(refused as SidecarError).code, describeError(refused as SidecarError, 'en')]).toEqual(['KERNEL_BUSY', expect.stringContaining('crashed three times; restart it')]);
    await bench.notebooks.endSession(session);
  });

  it('is clipped with the text of the error, its output and its trace', async () => {
    const answer = await bench.run(S, 'raise Exception("x" * 200_000)');

    expect([String(answer.message).length <= 2_000, answer.error!.evalue.length <= 2_000, JSON.stringify(answer).length < 50_000]).toEqual([true, true, true]);
    expect(answer.outputs.at(-1)).toEqual({ output_type: 'error', ...answer.error });
  });

  it('is Chinese in a Chinese session, with what was not kept', async () => {
    const answer = await bench.run(Z, 'from IPython.display import HTML, display\ndisplay(HTML("x" * (9 * 2**20)))\nimport nosuchmodule');

    expect(answer.stderr).toMatch(/^\[sidecar\] 有 1 个显示内容（\d+ 字节）没有保留。$/m);
    expect(answer.hint_texts).toEqual(['这里没有安装这个包。']);
  });
});

describe('the hints of a cell', () => {
  it.each([
    ['a name of the network', 'import pandas as pd\npd.read_csv("http://data.example.org/a.csv")', 'sandbox_denied', 'network_off', 'Programs have no network here.'],
    ['an address of the network', 'import urllib.request\nurllib.request.urlopen("http://192.0.2.1/")', 'sandbox_denied', 'network_off', 'Programs have no network here.'],
    ['a package', 'import nosuchmodule', 'error', 'missing_package', 'This package is not installed here.'],
    ['a file elsewhere', 'open("/home/me/data.csv")', 'error', 'outside_workspace', expect.stringContaining('workspace only')],
    ['a file that may not be written', 'open("/usr/planted", "w")', 'sandbox_denied', 'outside_workspace', expect.stringContaining('workspace only')],
    ['another encoding', 'b"\\xb0\\xa1".decode()', 'error', 'encoding', expect.stringContaining('gb18030')],
    ['memory', 'bytearray(64 * 2**30)', 'memory_limit', 'memory', 'Work on fewer rows, or in parts.'],
  ])('say what to do about %s', async (_title, code, reason, hint, text) => {
    const answer = await bench.run(S, code);

    expect([answer.reason, answer.hints, answer.hint_texts]).toEqual([reason, [hint], [text]]);
    expect(bench.store.executions.get(answer.execution_id)).toMatchObject({ body: { reason, hints: [hint] } });
  });
});

it('takes a cursor behind the end of the code as its end', async () => {
  const [behind, at] = [await bench.notebooks.complete(S, { code: 'prin', cursor_pos: 10_000 }), await bench.notebooks.complete(S, { code: 'prin', cursor_pos: 4 })];
  const found = await bench.notebooks.inspect(S, { code: 'len', cursor_pos: 99 });

  expect([behind, behind.matches.includes('print'), found.found]).toEqual([at, true, true]);
});
