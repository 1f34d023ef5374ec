// Measures consultations against their targets: node scripts/node26.mjs bench/experts/run.ts
import { buildIfStale } from '../../scripts/build-if-stale.mjs';
import { writeResults } from '../support/write-results.ts';
import { measureConsultations } from './consultations.ts';

buildIfStale();
writeResults('experts', 'Consultations', await measureConsultations());
process.exit(0);
