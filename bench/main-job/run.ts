// Measures the main job against its targets: node scripts/node26.mjs bench/main-job/run.ts
import { buildIfStale } from '../../scripts/build-if-stale.mjs';
import { writeResults } from '../support/write-results.ts';
import { measureManyStreams } from './many-streams.ts';
import { measureSessions } from './sessions.ts';
import { measureStart } from './start-and-memory.ts';
import { measureAddedTime, measureStreaming } from './streaming.ts';

buildIfStale();
const rows = [];
for (const measure of [measureStart, measureSessions, measureStreaming, measureAddedTime, measureManyStreams]) {
  console.error(`measuring ${measure.name} …`);
  rows.push(...await measure());
}
writeResults('main-job', 'The main job', rows);
process.exit(0);
