import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';

const MIB = 1024 * 1024;
let bench: NotebookBench;
let count = 0;

beforeAll(async () => { bench = await openNotebookBench({ times: { ladderStepMs: 1_500, pingMs: 100, settleMs: 600 } }); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });

/** Runs in a session of its own, which ends with it. */
async function inSession<T>(work: (session: string) => Promise<T>): Promise<T> {
  count += 1;
  const session = bench.session(`case${count}`);
  try {
    return await work(session);
  } finally {
    await bench.notebooks.endSession(session);
  }
}

describe('order', () => {
  it('is kept within stdout, within stderr, and between text and displays, however often a cell flushes (K03)', async () => {
    const code = `import sys
from IPython.display import display
for i in range(300):
    print(i, flush=True)
    print(-i, file=sys.stderr, flush=True)
    if i % 50 == 0:
        display(f"at {i}")`;

    const { stdout, stderr, outputs } = await inSession(async (session) => await bench.run(session, code));

    expect(stdout).toBe(Array.from({ length: 300 }, (_, i) => `${i}\n`).join(''));
    expect(stderr).toBe(Array.from({ length: 300 }, (_, i) => `${i === 0 ? 0 : -i}\n`).join(''));
    const printedBefore = (at: number): string => outputs.slice(0, outputs.findIndex(({ data }) => JSON.stringify(data ?? null).includes(`at ${at}'`)))
      .map((output) => (output.name === 'stdout' ? String(output.text) : '')).join('');
    expect([0, 100, 250].map((at) => printedBefore(at).trimEnd().split('\n').at(-1))).toEqual(['0', '100', '250']);
  });
});

describe('replies', () => {
  it('pass payloads on (K24)', async () => {
    const replies: unknown[] = [];
    await inSession(async (session) => {
      const { id } = await bench.notebooks.jupyter.start({ path: session });
      const done = Promise.withResolvers<void>();
      const channel = bench.notebooks.jupyter.attach(id, 'payload', {
        message: ({ header, content }) => {
          if (header.msg_type !== 'execute_reply') return;
          replies.push(content.payload);
          done.resolve();
        },
        dead: () => {},
      });
      channel.send({
        channel: 'shell', header: { msg_id: 'p', msg_type: 'execute_request', session: 'payload', username: 'u', date: '2026-01-01T00:00:00Z', version: '5.4' }, parent_header: {}, metadata: {}, buffers: [],
        content: { code: 'get_ipython().set_next_input("next")', silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true },
      });
      await done.promise;
      channel.leave();
    });

    expect(replies).toMatchObject([[{ source: 'set_next_input', text: 'next' }]]);
  });

  it('end a cell that never says idle, and say that it is late (K23)', async () => {
    const answer = await inSession(async (session) => await bench.run(session, `kernel = get_ipython().kernel
said = kernel._publish_status
kernel._publish_status = lambda status, *rest, **named: None if status == "idle" else said(status, *rest, **named)
"value"`));

    expect(answer).toMatchObject({ success: true, result_repr: "'value'", late: true });
  });

  it('to is-complete are unknown while the interpreter is held (K12)', async () => {
    await inSession(async (session) => {
      const events = bench.stream(session, 'print("go", flush=True)\nimport time; time.sleep(0.2)\nsum(range(10**13))');
      for await (const event of events) if (event.type === 'cell_output') break;
      for (let answer = 'complete'; answer !== 'unknown';) answer = (await bench.notebooks.isComplete(session, '1')).status;
    });
  });
});

describe('a cell that asks too much', () => {
  it('forks without end: it is stopped, the kernel restarts when it must, and nothing is left (E01)', async () => {
    await inSession(async (session) => {
      const answer = await bench.run(session, 'import os, time\nwhile True:\n    if os.fork() == 0:\n        time.sleep(600)\n        os._exit(0)', { timeout_seconds: 30 });

      expect(['process_limit', 'timeout']).toContain(answer.reason);
      expect(await bench.run(session, '1 + 1')).toMatchObject({ success: true, result_repr: '2' });
    });
  });

  it('updates one display without a pause: joined to few events, the last one wins (E72)', async () => {
    const updates = await inSession(async (session) => {
      const seen: string[] = [];
      for await (const event of bench.stream(session, 'from IPython.display import display\nhandle = display("first", display_id=True)\nfor i in range(20_000): handle.update(i)', { timeout_seconds: 240 })) {
        if (event.update === true) seen.push(JSON.stringify(event.output));
      }
      return seen;
    });

    expect(updates.length).toBeLessThan(10_000);
    expect(updates.at(-1)).toContain('"19999"');
  });

  it('floods a comm beyond the cap: it is dropped, and the kernel stays in use (E72)', async () => {
    const answer = await inSession(async (session) => {
      const flood = await bench.run(session, `from ipykernel.comm import Comm
comm = Comm(target_name="flood")
for _ in range(80): comm.send({"x": "y" * 2**19})`, { timeout_seconds: 120 });
      return { flood, after: await bench.run(session, '1') };
    });

    expect(answer.flood.stderr).toMatch(/\d+ displays \(\d+ bytes\) were not kept/);
    expect(answer.after.result_repr).toBe('1');
  });

  it('shows a data URL of 9 MiB: counted, not kept, and the rest is (E75)', async () => {
    const answer = await inSession(async (session) => await bench.run(session, `from IPython.display import HTML, SVG, display
display(HTML("<script>alert(1)</script>"))
display(HTML('<img src="data:image/png;base64,' + "A" * (9 * 2**20) + '">'))
display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"))`));

    expect(answer.outputs.map(({ data }) => Object.keys(data ?? {}))).toEqual([['text/html', 'text/plain'], ['image/svg+xml', 'text/plain'], []].map((keys) => expect.arrayContaining(keys)));
    expect(answer.stderr).toMatch(/^\[sidecar\] 1 displays \(\d+ bytes\) were not kept/);
  });
});

describe('a cell that turns against its own streams', () => {
  it.each([
    ['replaces stdout', 'import io, sys\nprint("seen", flush=True)\nsys.stdout = io.StringIO()\nprint("swallowed")'],
    ['closes stdout', 'import sys\nprint("seen", flush=True)\nsys.stdout.close()'],
    ['closes descriptors 1 and 2', 'import os\nprint("seen", flush=True)\nos.close(1); os.close(2)'],
  ])('%s: the text so far is there, and the session goes on (E32)', async (_title, code) => {
    const { first, next } = await inSession(async (session) => {
      const answer = await bench.run(session, code, { timeout_seconds: 20 });
      await bench.notebooks.restart(session);
      return { first: answer, next: await bench.run(session, 'print("next")') };
    });

    expect(first.stdout).toContain('seen\n');
    expect(next.stdout).toBe('next\n');
  });
});

it('tells a cell that comes near the memory limit, once, before anything is ended', async () => {
  const limits = { limit: 0 };
  const events = await inSession(async (session) => {
    await bench.run(session, '1');
    // Four fifths of the lane's limit are more than a test machine may have to spare: the kernel is made to believe that it holds them.
    const code = `import psutil, time
real = psutil.Process.memory_info
class Held: rss = 3700 * 2**20
psutil.Process.memory_info = lambda self: Held
print("go", flush=True)
time.sleep(1.5)
psutil.Process.memory_info = real`;
    const seen: string[] = [];
    for await (const event of bench.stream(session, code)) if (event.type === 'cell_output') seen.push(JSON.stringify(event.output));
    limits.limit = bench.notebooks.status(session).warnings.length;
    return seen;
  });

  expect(events.filter((text) => text.includes('[sidecar] The kernel uses 3.6 of its'))).toHaveLength(1);
  expect(limits.limit).toBeGreaterThan(0);
});

describe('notebook files', () => {
  const cellOf = (id: string, source: string): object => ({ id, cell_type: 'code', source, metadata: {}, outputs: [], execution_count: null });
  const write = (session: string, cells: object[]): void => {
    writeFileSync(join(bench.workspace(session), 'n.ipynb'), JSON.stringify({ nbformat: 4, nbformat_minor: 5, metadata: {}, cells }));
  };
  const read = (session: string): { cells: { outputs: { data?: Record<string, unknown> }[] }[] } => JSON.parse(readFileSync(join(bench.workspace(session), 'n.ipynb'), 'utf8'));

  it('show an updated display also in the earlier cell that was stored (K07)', async () => {
    const cells = await inSession(async (session) => {
      write(session, [cellOf('one', ''), cellOf('two', '')]);
      await bench.run(session, 'from IPython.display import display\nhandle = display("old", display_id="d")\ndisplay("beside")', { notebook_path: 'n.ipynb', cell_id: 'one' });
      await bench.run(session, 'handle.update("newer"); handle.update("new")', { notebook_path: 'n.ipynb', cell_id: 'two' });
      const once = read(session).cells[0]!.outputs.map(({ data }) => data!['text/plain']);
      await bench.run(session, 'handle.update("newest")');
      return [once, read(session).cells[0]!.outputs.map(({ data }) => data!['text/plain'])];
    });

    expect(cells).toEqual([[["'new'"], ["'beside'"]], [["'newest'"], ["'beside'"]]]);
  });

  it('keep what somebody else wrote over a display meanwhile', async () => {
    const cells = await inSession(async (session) => {
      write(session, [cellOf('one', '')]);
      await bench.run(session, 'from IPython.display import display\nhandle = display("old", display_id="d")', { notebook_path: 'n.ipynb', cell_id: 'one' });
      write(session, [{ ...cellOf('one', ''), outputs: [{ output_type: 'stream', name: 'stdout', text: 'theirs' }] }]);
      const answer = await bench.run(session, 'handle.update("new")');
      return [answer.success, read(session).cells[0]!.outputs];
    });

    expect(cells).toEqual([true, [{ output_type: 'stream', name: 'stdout', text: 'theirs' }]]);
  });

  it('stay as they are when the outputs of a cell do not fit (E74)', async () => {
    const kept = await inSession(async (session) => {
      write(session, [cellOf('one', '')]);
      const before = read(session);
      const answer = await bench.run(session, `print("x" * ${MIB * 1024})`, { notebook_path: 'n.ipynb', cell_id: 'one', timeout_seconds: 120 });
      return { reason: answer.reason, stored: JSON.stringify(read(session).cells[0]!.outputs).length, was: before.cells.length };
    });

    expect(kept.reason).toBe('output_limit');
    expect(kept.stored).toBeLessThan(2 * MIB);
    expect(kept.was).toBe(1);
  });
});
