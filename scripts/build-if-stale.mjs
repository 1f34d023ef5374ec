// Builds the program when a source is newer than the last build.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fail, node26, root } from './setup.mjs';

export const program = join(root, 'dist', 'sidecar', 'main.mjs');
const inputs = ['src', 'prompts', 'content', 'web', 'python', 'scripts/build.ts', 'package-lock.json'];

function newestChange(path) {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats) return 0;
  if (!stats.isDirectory()) return stats.mtimeMs;
  let newest = stats.mtimeMs;
  for (const name of readdirSync(path)) newest = Math.max(newest, newestChange(join(path, name)));
  return newest;
}

/** Makes sure that `program` is built from the sources as they are. */
export function buildIfStale() {
  const built = existsSync(program) ? statSync(program).mtimeMs : 0;
  if (inputs.every((input) => newestChange(join(root, input)) <= built)) return;
  const build = spawnSync(node26, [join(root, 'scripts', 'build.ts')], { cwd: root, stdio: ['ignore', 2, 2] });
  if (build.status !== 0) fail('the program could not be built (see above).', 'run npm run build for the whole message');
}
