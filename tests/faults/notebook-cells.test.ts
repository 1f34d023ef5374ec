import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';

let bench: NotebookBench;
const S = 'cells';

beforeAll(async () => {
  bench = await openNotebookBench();
  bench.session(S);
});
afterAll(async () => { await bench[Symbol.asyncDispose](); });

const run = (code: string, change: Parameters<NotebookBench['run']>[2] = {}) => bench.run(S, code, change);

describe('a cell', () => {
  it('answers with the last value, the counter and what was printed (K03)', async () => {
    const answer = await run('import sys\nprint("out", flush=True)\nprint("err", file=sys.stderr, flush=True)\n6 * 7');

    expect(answer).toMatchObject({
      success: true, stdout: 'out\n', stderr: 'err\n', result_repr: '42', execution_count: 1, reason: 'ok', state_lost: false,
      outputs: [
        { output_type: 'stream', name: 'stdout', text: 'out\n' }, { output_type: 'stream', name: 'stderr', text: 'err\n' },
        { output_type: 'execute_result', data: { 'text/plain': '42' }, execution_count: 1 },
      ],
    });
  });

  it('keeps the namespace and counts on', async () => {
    const first = await run('kept = "還在"');
    const second = await run('kept');

    expect([second.result_repr, Number(second.execution_count) - Number(first.execution_count)]).toEqual(["'還在'", 1]);
  });

  it.each([
    ['PNG', 'from IPython.display import Image, display\nimport base64\ndisplay(Image(base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")))', 'image/png'],
    ['SVG', 'from IPython.display import SVG, display\ndisplay(SVG("<svg xmlns=\'http://www.w3.org/2000/svg\'/>"))', 'image/svg+xml'],
    ['HTML', 'from IPython.display import HTML, display\ndisplay(HTML("<b>x</b><script>1</script>"))', 'text/html'],
    ['JSON', 'from IPython.display import JSON, display\ndisplay(JSON({"a": 1}))', 'application/json'],
    ['LaTeX', 'from IPython.display import Latex, display\ndisplay(Latex("$x$"))', 'text/latex'],
    ['an inline plot', 'import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()', 'image/png'],
    ['a table', 'import pandas as pd\npd.DataFrame({"a": [1]})', 'text/html'],
  ])('shows %s as data with its type (K06, E75)', async (_title, code, mime) => {
    const { outputs } = await run(code);

    expect(outputs.flatMap((output) => Object.keys((output.data ?? {}) as object))).toContain(mime);
  });

  it('tells an error without colour, in answer and output alike (K09)', async () => {
    const answer = await run('1 / 0');

    expect(answer).toMatchObject({ success: false, reason: 'error', error: { ename: 'ZeroDivisionError', evalue: 'division by zero' } });
    expect(answer.outputs.at(-1)).toEqual({ output_type: 'error', ...answer.error });
    expect(JSON.stringify(answer)).not.toContain('\\u001b');
  });

  it.each([
    ['a syntax error', 'if:', 'syntax_error', 'SyntaxError'],
    ['an exit, and the kernel lives (E26)', 'import sys; sys.exit(3)', 'exit', 'SystemExit'],
    ['an exit with a text, and the kernel lives (E26)', 'import sys; sys.exit("bye")', 'exit', 'SystemExit'],
    ['no memory for one big object (E05)', 'bytearray(64 * 2**30)', 'memory_limit', 'MemoryError'],
    ['a refused input (K15)', 'input("? ")', 'error', 'StdinNotImplementedError'],
    ['a file outside', 'open("/usr/planted", "w")', 'sandbox_denied', 'OSError'],
  ])('names the reason of %s', async (_title, code, reason, ename) => {
    const before = bench.notebooks.status(S).started_at;

    const answer = await run(code);

    expect([answer.reason, answer.error?.ename, bench.notebooks.status(S).started_at]).toEqual([reason, ename, before]);
  });

  it('replaces displays by id, also those of an earlier cell, and ignores unknown ids (K07)', async () => {
    const first = await run('from IPython.display import display, update_display\nh = display("old", display_id="d1")');
    const events: unknown[] = [];
    for await (const event of bench.stream(S, 'update_display("new", display_id="d1")\nupdate_display("x", display_id="never")')) events.push(event);

    expect(first.outputs).toMatchObject([{ output_type: 'display_data', data: { 'text/plain': "'new'" } }]);
    expect(events).toContainEqual({ type: 'cell_output', update: true, display_id: 'd1', output: { data: { 'text/plain': "'new'" }, metadata: {} } });
    expect(JSON.stringify(events)).not.toContain('never');
    expect(first.outputs[0]).not.toHaveProperty('transient');
  });

  it.each([
    ['at once', 'clear_output()', ''],
    ['with the next output', 'clear_output(wait=True); print("b")', 'b\n'],
    ['not at all when nothing follows', 'clear_output(wait=True)', 'a\n'],
  ])('clears outputs %s (K08)', async (_title, code, stdout) => {
    const answer = await run(`from IPython.display import clear_output\nprint("a", flush=True)\n${code}`);

    expect(answer.stdout).toBe(stdout);
  });

  it('applies carriage returns and backspaces to what it stores', async () => {
    const answer = await run('print("10%\\r20%\\r30% done")\nprint("ab\\bc")');

    expect(answer.stdout).toBe('30% done\nac\n');
  });

  it('shows what native code and children write, on both descriptors (K27)', async () => {
    const code = `import os, subprocess, sys
os.write(1, b"native out\\n")
subprocess.run(["sh", "-c", "echo child out; echo child err >&2"])
pid = os.fork()
if pid == 0:
    print("forked", flush=True)
    os._exit(0)
os.waitpid(pid, 0)
print("last")`;

    const answer = await run(code);

    expect(answer.stdout.split('\n').sort()).toEqual(['', 'child out', 'forked', 'last', 'native out']);
    expect(answer.stderr).toBe('child err\n');
  });

  it.each([
    ['top-level await', 'import asyncio\nawait asyncio.sleep(0)\n"done"', "'done'", ''],
    ['a magic', '%pwd', expect.stringContaining('workspace'), ''],
    ['a shell line', '!echo hello', '', 'hello\n'],
    ['a shell cell', '%%bash\necho from bash', '', 'from bash\n'],
  ])('runs %s (K26)', async (_title, code, repr, stdout) => {
    const answer = await run(code);

    expect([answer.success, answer.result_repr, answer.stdout]).toEqual([true, repr, stdout]);
  });

  it('asks for input, takes the answer, and hides a password (K15)', async () => {
    const prompts: unknown[] = [];
    let answer: unknown = null;
    for await (const event of bench.stream(S, 'import getpass\nname = input("name? ")\nsecret = getpass.getpass("pw? ")\nprint(name, len(secret))', { allow_stdin: true })) {
      if (event.type === 'cell_input_request') {
        prompts.push([event.prompt, event.password]);
        await bench.notebooks.input(S, { request_id: String(event.request_id), value: event.password === true ? 'hidden-word' : 'Ada' });
      }
      if (event.type === 'cell_complete') answer = event.answer;
    }

    expect(prompts).toEqual([['name? ', false], ['pw? ', true]]);
    expect(answer).toMatchObject({ success: true, stdout: 'Ada 11\n' });
    expect(JSON.stringify(bench.store.executions.list(S, { limit: 200 }).map(({ execution_id }) => bench.store.executions.get(execution_id)))).not.toContain('hidden-word');
  });

  it('refuses an answer to an input request that is not open', async () => {
    await expect(bench.notebooks.input(S, { request_id: 'none', value: '' })).rejects.toMatchObject({ code: 'KERNEL_NOT_FOUND' });
  });
});

describe('many outputs', () => {
  it('loses none of 10000 small ones (K28)', async () => {
    const answer = await run('for i in range(10000):\n    print(i)');

    expect(answer.stdout).toBe(Array.from({ length: 10_000 }, (_, index) => `${index}\n`).join(''));
  });

  it('keeps both ends of 100 MB and says how much is missing (K29)', async () => {
    const answer = await run('print("first")\nfor i in range(100_000):\n    print("x" * 999)\nprint("last")', { timeout_seconds: 120 });

    expect(answer).toMatchObject({ success: true, reason: 'output_limit' });
    expect(answer.stdout.startsWith('first\n')).toBe(true);
    expect(answer.stdout.endsWith('last\n')).toBe(true);
    expect(answer.stdout.length).toBeLessThan(1_100_000);
    expect(answer.stdout).toContain('characters left out');
  });

  it('keeps one line of 256 MB as both of its ends (E12)', async () => {
    const answer = await run('print("a" + "x" * 2**28 + "z")', { timeout_seconds: 120 });

    expect([answer.reason, answer.stdout.slice(0, 2), answer.stdout.slice(-2)]).toEqual(['output_limit', 'ax', 'z\n']);
  });

  it('counts displays beyond the caps (E72)', async () => {
    const answer = await run('from IPython.display import display\nfor i in range(11_000):\n    display(i)', { timeout_seconds: 120 });

    expect(answer.outputs.length).toBeLessThanOrEqual(10_001);
    expect(answer.stderr).toMatch(/\d+ displays \(\d+ bytes\) were not kept/);
  });
});

describe('questions', () => {
  it('completes behind an emoji, in code points (K10)', async () => {
    const code = 'word = "😀"; word.upp';

    const answer = await bench.notebooks.complete(S, { code, cursor_pos: [...code].length });

    expect(answer).toMatchObject({ matches: expect.arrayContaining([expect.stringContaining('upper')]), cursor_end: [...code].length });
  });

  it('inspects behind an emoji (K11)', async () => {
    const answer = await bench.notebooks.inspect(S, { code: '"😀"; len', cursor_pos: 8 });

    expect([answer.found, JSON.stringify(answer.data)]).toEqual([true, expect.stringContaining('number of items')]);
  });

  it.each([['1 + 1', 'complete'], ['for i in range(3):', 'incomplete'], ['1 +', 'invalid']])('judges %s as %s (K12)', async (code, status) => {
    expect((await bench.notebooks.isComplete(S, code)).status).toBe(status);
  });

  it('answers while a cell runs (K31)', async () => {
    const running = run('import os, time\nwhile not os.path.exists("go"): time.sleep(0.01)\n"waited"');
    const answer = await bench.notebooks.complete(S, { code: 'prin', cursor_pos: 4 });
    writeFileSync(join(bench.workspace(S), 'go'), '');

    expect(answer.matches).toContain('print');
    expect((await running).result_repr).toBe("'waited'");
  });
});

it('writes every cell to the log of executions and tells the companion', async () => {
  const answer = await run('print("noted")', { cell_id: 'c1' });

  expect(bench.store.executions.get(answer.execution_id)).toMatchObject({
    lane: 'notebook', kind: 'cell', stdout: 'noted\n', code: 'print("noted")', body: { reason: 'ok', outcome: 'ok', returncode: 0, cell_id: 'c1' },
  });
  expect(bench.store.runNotes.recent(S, 1)).toMatchObject([{ lane: 'notebook', ok: true, stdout: 'noted\n' }]);
});
