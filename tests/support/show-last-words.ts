import { afterEach } from 'vitest';
import { forgetEnded, lastWords } from './kept-processes.ts';

/** A test that fails, or waits too long, shows what its programs said last. */
afterEach(({ task }) => {
  const words = task.result?.state === 'fail' ? lastWords() : '';
  if (words !== '') process.stderr.write(`\nLast lines of the programs of "${task.name}":\n${words}\n`);
  forgetEnded();
});
