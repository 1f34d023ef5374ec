// Measures notebook cells against Jupyter's own client and server: node scripts/node26.mjs bench/notebook/run.ts
import { buildIfStale } from '../../scripts/build-if-stale.mjs';
import { writeResults } from '../support/write-results.ts';
import { measureCells } from './cells.ts';

buildIfStale();
writeResults('notebook', 'Notebook cells', await measureCells());
process.exit(0);
