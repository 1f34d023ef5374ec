// npm start: sets the checkout up, builds, and runs the sample course (with the offline tutor unless a model is configured).
import { buildIfStale, program } from './build-if-stale.mjs';
import { runNode26 } from './node26.mjs';
import { setUp } from './setup.mjs';

setUp();
buildIfStale();
runNode26([program, 'demo', ...process.argv.slice(2)]);
