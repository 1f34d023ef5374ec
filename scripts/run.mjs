// npm run -s sidecar -- <command>: the command line of a checkout.
import { buildIfStale, program } from './build-if-stale.mjs';
import { runNode26 } from './node26.mjs';
import { setUp } from './setup.mjs';

setUp();
buildIfStale();
runNode26([program, ...process.argv.slice(2)], { cwd: process.cwd() });
