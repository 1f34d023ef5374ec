import { expect, it } from 'vitest';
import { returnCodeOf, sentenceOf } from './cell-messages.ts';
import type { CellFacts } from './cell-messages.ts';

const facts = (change: { ename?: string; evalue?: string; traceback?: string[]; detail?: string; executionCount?: number; reply?: object | null }): CellFacts => ({
  end: { how: 'done', reason: 'error', detail: change.detail ?? '', reply: (change.reply ?? null) as CellFacts['end']['reply'], isLate: false, stderrTail: '' },
  error: change.ename === undefined ? null : { ename: change.ename, evalue: change.evalue ?? '', traceback: change.traceback ?? [] },
  executionCount: change.executionCount ?? 2, language: 'en', timeoutMs: 1_000, dropped: { stdout: 0, stderr: 0 }, limits: null,
});

it.each([
  ["expected ':' (3923609187.py, line 3)", "Line 3 is not valid Python: expected ':'"],
  ["'(' was never closed (<ipython-input-1>, line 12)", "Line 12 is not valid Python: '(' was never closed"],
  ["invalid syntax (mine.py, line 4)", 'Line 4 is not valid Python: invalid syntax (mine.py, line 4)'],
  ['source code string cannot contain null bytes', 'Line 1 is not valid Python: source code string cannot contain null bytes'],
])('takes the line of a syntax error from %j', (evalue, text) => {
  expect(sentenceOf('syntax_error', facts({ ename: 'SyntaxError', evalue }))).toBe(text);
});

it.each([
  ['the last frame of the cell', ['Cell In[2], line 1\n', 'Cell In[2], line 4, in work()\n', 'File /lib/time.py:9\n', 'KeyboardInterrupt: '], 'Stopped after 1 s, at line 4.'],
  ['its own frame, not one of an earlier cell', ['Cell In[2], line 7\n', 'Cell In[1], line 3, in work()\n', 'KeyboardInterrupt: '], 'Stopped after 1 s, at line 7.'],
  ['no text of the error itself', ['trace\n', 'E: Cell In[2], line 99'], 'Stopped after 1 s.'],
])('takes the line of a stop from %s', (_title, traceback, text) => {
  expect(sentenceOf('timeout', facts({ ename: 'KeyboardInterrupt', traceback }))).toBe(text);
});

it('clips a message of any length', () => {
  const text = sentenceOf('error', facts({ ename: 'Exception', evalue: 'x'.repeat(200_000) }));

  expect([text.length <= 2_000, text.startsWith('Exception: xxx')]).toEqual([true, true]);
});

it('says that a kernel is dead and what to do', () => {
  expect([sentenceOf('worker_lost', facts({ detail: 'dead' })), sentenceOf('worker_lost', { ...facts({ detail: 'dead' }), language: 'zh' })])
    .toEqual(['The kernel crashed three times; restart it.', '内核已连续崩溃三次，请重启内核。']);
});

it.each([
  ['exit', 'exit 3', null, 3], ['exit', 'exit', null, 0], ['exit', '', { evalue: '4' }, 4], ['exit', '', { evalue: 'bye' }, 1], ['exit', '', { evalue: 'None' }, 0],
  ['crashed', 'SIGSEGV', null, -11], ['killed', 'SIGKILL', null, -9], ['timeout', '', null, -1], ['cancelled', '', null, -2], ['worker_lost', 'dead', null, -3],
  ['ok', '', null, 0], ['error', '', { evalue: 'x' }, 1],
] as const)('a cell that ended as %s (%s) has the code of its program', (reason, detail, reply, code) => {
  expect(returnCodeOf(reason, { detail, reply })).toBe(code);
});
