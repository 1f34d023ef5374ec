// Lets simulated learners talk with the tutor and reports how it did: npm run eval -- [--turns N] [--learners a,b] [--chapters c/ch] [--judges m,n] [--out DIR]
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { evaluate } from './evaluate.ts';
import { LEARNERS } from './learners.ts';
import { renderEvalReport } from './report.ts';

const SAMPLE_CHAPTERS = 'python_first_steps/ch1_reading_a_table,python_first_steps/ch2_comparing_groups';

const { values } = parseArgs({
  options: {
    turns: { type: 'string', default: '5' }, learners: { type: 'string', default: '' }, chapters: { type: 'string', default: SAMPLE_CHAPTERS },
    judges: { type: 'string', default: '' }, out: { type: 'string' },
  },
});
const listed = (text: string): string[] => text.split(',').map((part) => part.trim()).filter((part) => part !== '');
const wanted = listed(values.learners);
const learners = LEARNERS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const turns = Number(values.turns);
if (learners.length === 0 || !Number.isInteger(turns) || turns < 1) {
  console.error(`--turns is a whole number from 1; --learners are some of: ${LEARNERS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const result = await evaluate({
  env: process.env, learners, chapters: listed(values.chapters), turns, judges: listed(values.judges), signal: new AbortController().signal,
  onSession: (learner, chapter) => console.error(`${learner} in ${chapter} …`),
});
const report = renderEvalReport(result.head, result.rows);
console.log(report);
if (values.out !== undefined) {
  await mkdir(values.out, { recursive: true });
  await writeFile(join(values.out, 'evals.md'), report);
  await writeFile(join(values.out, 'evals.json'), `${JSON.stringify(result, null, 2)}\n`);
}
process.exit(0); // The numbers are a report, never a failure.
