// Measures runs of code against their targets and against other ways to run it: node scripts/node26.mjs bench/execution/run.ts
import { buildIfStale } from '../../scripts/build-if-stale.mjs';
import { writeResults } from '../support/write-results.ts';
import { measureCrowd } from './crowd.ts';
import { measureHardCases } from './hard-cases.ts';
import { measureSingleRuns } from './single-runs.ts';

buildIfStale();
const rows = [];
for (const measure of [measureSingleRuns, measureCrowd, measureHardCases]) {
  console.error(`measuring ${measure.name} …`);
  rows.push(...await measure());
}
writeResults('execution', 'Runs of code', rows);
process.exit(0);
