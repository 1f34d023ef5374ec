import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import { ChangeJoiner, CellEvents } from './cell-events.ts';
import { CellOutputs } from './cell-outputs.ts';
import { hintsOf } from './cell-hints.ts';
import { KernelDisplays } from './display-index.ts';
import { reasonOfError } from './execute-task.ts';
import type { CellChange } from './output-types.ts';
import { OUTPUT_CAPS } from './output-types.ts';
import { applyTerminal } from './terminal-text.ts';
import { TextBudget } from './text-budget.ts';

const message = (type: string, content: Record<string, unknown>): JupyterMessage =>
  ({ channel: 'iopub', header: { msg_id: 'm', msg_type: type, session: 's' }, parent_header: {}, metadata: {}, content, buffers: [] });
const collect = (messages: readonly JupyterMessage[], displays = new KernelDisplays(), language: 'en' | 'zh' = 'en') => {
  const changes: CellChange[] = [];
  const outputs = new CellOutputs(displays, (change) => changes.push(change), language);
  for (const each of messages) outputs.take(each);
  return { outputs, changes };
};
const stream = (text: string, name = 'stdout'): JupyterMessage => message('stream', { name, text });

describe('terminal text', () => {
  it.each([
    ['plain\n', 'plain\n'], ['a\r\nb\r\n', 'a\nb\n'], ['10%\r20%\rdone', 'done'], ['long line\rab', 'abng line'], ['abc\b\bX', 'aXc'], ['\b\bx', 'x'],
    ['1\n\r2\n', '1\n2\n'], ['😀\bx', 'x'],
  ])('%j is stored as %j', (text, stored) => {
    expect(applyTerminal(text)).toBe(stored);
  });

  it('is stable: applied twice it is the same', () => {
    fc.assert(fc.property(fc.array(fc.constantFrom('a', 'bc', '\r', '\b', '\n', '中')).map((parts) => parts.join('')), (text) => {
      const once = applyTerminal(text);

      expect([applyTerminal(once), /[\b]|\r(?!\n)/.test(once)]).toEqual([once, false]);
    }));
  });
});

describe('the text budget', () => {
  it('keeps head and tail, counts every missing unit, and never splits a pair', () => {
    const piece = fc.tuple(fc.constantFrom('stdout', 'stderr'), fc.string({ unit: 'grapheme', maxLength: 30 }));
    fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const budget = new TextBudget({ headChars: 50, tailChars: 20 });

      const head = pieces.map(([name, text]) => budget.take(name, text)).join('');
      const { stdout = 0, stderr = 0 } = budget.dropped;
      const tail = budget.end().map(({ text }) => text).filter((text) => !text.startsWith('\n… [')).join('');

      const all = pieces.map(([, text]) => text).join('');
      expect(head.length + tail.length + stdout + stderr).toBe(all.length);
      expect([head.length <= 50, tail.length <= 20, head.isWellFormed(), tail.isWellFormed()]).toEqual([true, true, true, true]);
      if (stdout + stderr === 0) expect((head + tail).length).toBe(all.length);
    }));
  });

  it('takes what the kernel removed into the tail', () => {
    const budget = new TextBudget({ headChars: 4, tailChars: 6 });
    budget.take('stdout', 'head');
    budget.drop('stdout', 1_000, 'the end');

    expect([budget.dropped, budget.end().at(-1)?.text]).toEqual([{ stdout: 994 }, 'he end']);
  });
});

describe('outputs of a cell', () => {
  it('merges neighbouring text of one stream only', () => {
    const { outputs } = collect([stream('a'), stream('b'), stream('c', 'stderr'), stream('d')]);

    expect(outputs.finish()).toEqual([
      { output_type: 'stream', name: 'stdout', text: 'ab' }, { output_type: 'stream', name: 'stderr', text: 'c' }, { output_type: 'stream', name: 'stdout', text: 'd' },
    ]);
  });

  it('never stores transient data', () => {
    const { outputs } = collect([message('display_data', { data: { 'text/plain': 'x' }, metadata: {}, transient: { display_id: 'd' } })]);

    expect(outputs.finish()).toEqual([{ output_type: 'display_data', data: { 'text/plain': 'x' }, metadata: {} }]);
  });

  it('updates every display of an id, also of an earlier cell', () => {
    const displays = new KernelDisplays();
    const shown = message('display_data', { data: { 'text/plain': 'old' }, metadata: {}, transient: { display_id: 'd' } });
    const earlier = collect([shown, shown], displays);

    collect([message('update_display_data', { data: { 'text/plain': 'new' }, metadata: {}, transient: { display_id: 'd' } })], displays);

    expect(earlier.outputs.finish().map((output) => output.data)).toEqual([{ 'text/plain': 'new' }, { 'text/plain': 'new' }]);
  });

  it('keeps what is there when clearing waits for an output that never comes', () => {
    const { outputs } = collect([stream('a'), message('clear_output', { wait: true })]);

    expect(outputs.finish()).toMatchObject([{ text: 'a' }]);
  });

  it('drops and counts a display that is too large, and the ten-thousand-and-first output', () => {
    const big = collect([message('display_data', { data: { 'text/plain': 'x'.repeat(OUTPUT_CAPS.richBytes) }, metadata: {} })]).outputs;
    const many = collect(Array.from({ length: OUTPUT_CAPS.outputs + 3 }, () => message('display_data', { data: {}, metadata: {} }))).outputs;

    expect([big.dropped.displays, many.dropped.displays]).toEqual([1, 3]);
    expect(big.finish()).toMatchObject([{ name: 'stderr', text: expect.stringMatching(/1 displays \(\d+ bytes\) were not kept/) }]);
  });

  it('passes over what it does not know, and fields that are not what they should be', () => {
    const { outputs } = collect([
      message('comm_msg', { data: {} }), message('new_kind', {}), message('stream', { name: 1, text: { a: 1 } }),
      message('display_data', { data: 'x', metadata: [] }), message('error', { ename: 1, traceback: 'no list' }),
    ]);

    expect(outputs.finish()).toEqual([
      { output_type: 'display_data', data: {}, metadata: {} }, { output_type: 'error', ename: '', evalue: '', traceback: [] },
    ]);
  });
});

describe('events of a cell', () => {
  it('joins text of one stream and keeps only the newest update of a display', () => {
    const told: CellChange[] = [];
    const joiner = new ChangeJoiner((change) => told.push(change));
    const text = (value: string): CellChange => ({ output: { output_type: 'stream', name: 'stdout', text: value } });
    const update = (value: string): CellChange => ({ update: true, display_id: 'd', output: { data: { 'text/plain': value }, metadata: {} } });

    for (const change of [text('a'), text('b'), update('1'), text('c'), update('2')]) joiner.add(change);
    joiner.flush();

    expect(told).toEqual([text('ab'), update('2'), text('c')]);
  });

  it('gives a reader up that lags behind its bound, and ends cleanly for one that left', async () => {
    const left = new CellEvents();
    left.emit({ type: 'cell_output' });
    await left[Symbol.asyncDispose]();

    const frames: string[] = [];
    for await (const frame of left.frames) frames.push(frame);

    expect([left.dropped.aborted, frames]).toEqual([false, []]);
  });

  describe('whose reader is behind', () => {
    const CAUGHT_UP_MS = 2_500;
    const BIG = 'x'.repeat(1_500_000);
    beforeEach(() => { vi.useFakeTimers(); });
    afterEach(() => { vi.useRealTimers(); });

    it.each([
      ['2001 frames', Array.from({ length: 2_001 }, () => '')], ['two displays over 1 MiB', [BIG, BIG]],
    ])('gives it up when it lets %s lie', async (_title, texts) => {
      const events = new CellEvents();
      for (const text of texts) events.emit({ type: 'cell_output', text });
      const atOnce = events.dropped.aborted;
      await vi.advanceTimersByTimeAsync(CAUGHT_UP_MS);

      expect([atOnce, events.dropped.aborted]).toEqual([false, true]);
    });

    it('keeps one that reads, however much came at once, to the last frame', async () => {
      const events = new CellEvents();
      for (let index = 0; index < 5; index += 1) events.emit({ type: 'cell_output', text: BIG });
      const frames: string[] = [];
      const reading = (async () => { for await (const frame of events.frames) frames.push(frame); })();
      await vi.advanceTimersByTimeAsync(CAUGHT_UP_MS);
      events.emit({ type: 'cell_complete' }, true);
      await reading;

      expect([events.dropped.aborted, frames.length, frames.at(-1)]).toEqual([false, 6, expect.stringContaining('cell_complete')]);
    });

    it('leaves one that still reads behind the end all the time it needs, and gives up one that does not', async () => {
      const ended = (): CellEvents => {
        const events = new CellEvents();
        for (let index = 0; index < 5; index += 1) events.emit({ type: 'cell_output', text: BIG });
        events.emit({ type: 'cell_complete' }, true);
        return events;
      };
      const [slow, stuck] = [ended(), ended()];
      const reader = slow.frames[Symbol.asyncIterator]();
      let last = '';
      for (let turn = 0; turn < 6; turn += 1) {
        last = String((await reader.next()).value);
        await vi.advanceTimersByTimeAsync(1_500);
      }

      expect([slow.dropped.aborted, last, stuck.dropped.aborted]).toEqual([false, expect.stringContaining('cell_complete'), true]);
    });

    it('gives it up at once beyond 64 MiB', () => {
      const events = new CellEvents();
      for (let index = 0; index < 50; index += 1) events.emit({ type: 'cell_output', text: BIG });

      expect(events.dropped.aborted).toBe(true);
    });
  });
});

it.each([
  ['MemoryError', '', 'memory_limit'], ['numpy._core._exceptions._ArrayMemoryError', '', 'memory_limit'], ['IndentationError', '', 'syntax_error'],
  ['SystemExit', '3', 'exit'], ['PermissionError', "[Errno 13] Permission denied: 'x'", 'sandbox_denied'], ['OSError', '[Errno 28] No space left', 'disk_limit'],
  ['BlockingIOError', '[Errno 11] Resource temporarily unavailable', 'process_limit'], ['RuntimeError', "can't start new thread", 'process_limit'],
  ['ValueError', 'no', 'error'], ['gaierror', '[Errno -3] Temporary failure in name resolution', 'sandbox_denied'],
  ['URLError', '<urlopen error [Errno -3] Temporary failure in name resolution>', 'sandbox_denied'],
])('an uncaught %s (%s) has the reason %s', (ename, evalue, reason) => {
  expect(reasonOfError(ename, evalue, true)).toBe(reason);
});

it('takes no error of a name for a refusal where programs have a network', () => {
  expect(reasonOfError('gaierror', '[Errno -2] Name or service not known', false)).toBe('error');
});

it.each([
  ['ModuleNotFoundError', "No module named 'nosuch'", 'error', ['missing_package']], ['ModuleNotFoundError', "No module named '_private'", 'error', []],
  ['UnicodeDecodeError', "'utf-8' codec can't decode byte", 'error', ['encoding']], ['MemoryError', '', 'memory_limit', ['memory']],
  ['EOFError', 'EOF when reading a line', 'error', ['no_input']], ['URLError', '<urlopen error [Errno -3] x>', 'sandbox_denied', ['network_off']],
  ['PermissionError', "[Errno 13] Permission denied: '/usr/x'", 'sandbox_denied', ['outside_workspace']],
  ['FileNotFoundError', "[Errno 2] No such file or directory: '/home/me/data.csv'", 'error', ['outside_workspace']],
  ['FileNotFoundError', "[Errno 2] No such file or directory: '../data.csv'", 'error', ['outside_workspace']],
  ['FileNotFoundError', "[Errno 2] No such file or directory: 'data.csv'", 'error', []],
  ['FileNotFoundError', "[Errno 2] No such file or directory: '/workspace/data.csv'", 'error', []], ['ValueError', 'no', 'error', []],
  ['OSError', "[Errno 6] No such device or address: '/dev/stdout'", 'error', ['dev_stdout']],
] as const)('hints at the way out of %s (%s)', (ename, evalue, reason, hints) => {
  expect(hintsOf(reason, { ename, evalue, traceback: [] }, true)).toEqual(hints);
});

it('tells in the language of the session what was not kept', () => {
  const { outputs } = collect([stream('x'.repeat(OUTPUT_CAPS.headChars + OUTPUT_CAPS.tailChars + 5))], new KernelDisplays(), 'zh');

  expect(outputs.finish().at(-1)).toMatchObject({ name: 'stderr', text: '[sidecar] 有 5 个字符没有保留。\n' });
});
