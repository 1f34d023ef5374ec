import { expect, it } from 'vitest';
import { hintFor, messageFor, warningFor } from './run-messages.ts';
import type { MessageFacts } from './run-messages.ts';
import { HINTS, REASONS } from './worker-contract.ts';

const facts: MessageFacts = {
  error: { type: 'ValueError', message: 'first\nsecond', line: 4 }, returncode: 3, signal: 'SIGSEGV', droppedCharacters: 12, wallSeconds: 2.5, cpuSeconds: 5,
  memoryMb: 64, diskMb: 16, diskEntries: 32, processes: 128, detail: 'why',
};

it('has a sentence for every reason in English', () => {
  expect(Object.fromEntries(REASONS.map((reason) => [reason, messageFor(reason, facts, 'en')]))).toEqual({
    ok: '', output_limit: 'Output cut: 12 characters not shown.', error: 'ValueError: second', syntax_error: 'Line 4 is not valid Python: first\nsecond',
    exit: 'The program ended itself with code 3.', timeout: 'Stopped after 2.5 s, at line 4.', cpu_limit: 'Used more than 5 s of processor time.',
    memory_limit: 'Needed more than 64 MB of memory.', disk_limit: 'Wrote more than 16 MB or 32 files.',
    process_limit: 'Started more than 128 processes or threads.', sandbox_denied: 'Tried to leave its folder or use the network.',
    cancelled: 'Stopped on request.', crashed: 'Python itself crashed (SIGSEGV).', killed: 'Something ended the program (SIGSEGV).',
    worker_lost: 'It could not run; please try again.', guard_unavailable: 'The safe area could not be set up: why', python_unavailable: 'No Python was found: why',
  });
});

it('has Chinese sentences for every reason, hint and warning', () => {
  const told = REASONS.filter((reason) => reason !== 'ok' && reason !== 'error');

  expect(told.filter((reason) => !/\p{Script=Han}/u.test(messageFor(reason, facts, 'zh')))).toEqual([]);
  expect(HINTS.filter((hint) => !/\p{Script=Han}/u.test(hintFor(hint, 'zh')) || hintFor(hint, 'en') === '')).toEqual([]);
  expect(warningFor('memory_lowered', 64, 'zh')).toBe('内存上限已调低到 64 MB。');
  expect(messageFor('timeout', { ...facts, error: null }, 'en')).toBe('Stopped after 2.5 s.');
});
