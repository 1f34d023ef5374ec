// Runs a script on the product's own Node: node scripts/node26.mjs <script> [arguments].
import { spawn } from 'node:child_process';
import { node26, root } from './setup.mjs';

/** Runs Node 26 with the given arguments and ends this process as it ended. */
export function runNode26(args, options = {}) {
  // One malloc arena instead of one per thread: 6 MB less on glibc, ignored elsewhere.
  const env = { ...process.env, MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? '1' };
  const child = spawn(node26, args, { cwd: root, stdio: 'inherit', env, ...options });
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    process.stderr.write(`${error.message}\n  → run npm ci first\n`);
    process.exit(1);
  });
  child.on('exit', (code, signal) => process.exit(signal ? 1 : (code ?? 1)));
}

if (process.argv[1]?.endsWith('node26.mjs')) runNode26(process.argv.slice(2));
