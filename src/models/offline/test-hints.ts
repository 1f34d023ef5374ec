import type { OfflineHints } from '../port.ts';

/** Hints of an ordinary learner turn, for tests. */
export function createOfflineHints(change: Partial<OfflineHints> = {}): OfflineHints {
  const task = { id: 'load_table', title: 'Load the table', bullets: ['Print the shape; it should be `(122, 6)`', 'Which library was made for tables?', 'Look for a function with `csv` in its name'] };
  return {
    purpose: 'reply', language: 'en', message: 'I will try', task: { ...task, hintLevel: 0 }, focus: task.title, targets: task.bullets.slice(0, 1),
    openTasks: [
      { ...task, kind: 'core' },
      { id: 'extra', title: 'An extra', kind: 'optional', bullets: ['Do more'] },
      { id: 'count_missing', title: 'Count the missing values', kind: 'core', bullets: ['Print the number of blanks'] },
    ],
    lastRun: null, newUploads: [], skipNote: null, consultResult: null, judgement: null,
    experts: [{ id: 'data_inspector', outputModes: ['suitability_judgment', 'concept_explanation'] }], facts: {}, ...change,
  };
}
