// Loaded into a measured program with NODE_OPTIONS=--import: at SIGUSR2 it collects garbage and notes what is still held.
import { appendFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc');
const file = process.env['BENCH_MEMORY_FILE'] ?? '';
process.on('SIGUSR2', () => {
  collect();
  const { rss, heapUsed, external } = process.memoryUsage();
  appendFileSync(file, `${JSON.stringify({ rss, heapUsed, external })}\n`);
});
