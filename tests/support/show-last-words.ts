import { afterAll, afterEach } from 'vitest';
import { endKept, forgetEnded, lastWords } from './kept-processes.ts';

/** A test that fails, or waits too long, shows what its programs said last. */
afterEach(({ task }) => {
  const words = task.result?.state === 'fail' ? lastWords() : '';
  if (words !== '') process.stderr.write(`\nLast lines of the programs of "${task.name}":\n${words}\n`);
  forgetEnded();
});

/** A test that ran out of time never comes to the end of its own programs. */
afterAll(endKept);
