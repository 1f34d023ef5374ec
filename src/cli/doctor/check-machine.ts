import { rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makePrivateFolders } from '../../config/index.ts';
import type { Config } from '../../config/index.ts';
import type { Check } from './check.ts';
import { fine, problem, warning } from './check.ts';

const LEAST_NODE = 26;
const LEAST_FREE_BYTES = 1024 ** 3;

/** Is this the Node that the program is made for? */
export function checkNode(): Check {
  const { node } = process.versions;
  if (Number(node.split('.')[0]) >= LEAST_NODE) return fine('node', `Node ${node}`);
  return problem('node', `Node ${node} is too old`, `run the program with Node ${LEAST_NODE}; npm start and npm run sidecar do`);
}

/** Can sessions be stored, and is there room for them? */
export function checkDataFolder({ sessionsDir }: Config): Check[] {
  const trial = join(sessionsDir, `.doctor-${process.pid}`);
  try {
    makePrivateFolders(sessionsDir);
    writeFileSync(trial, 'x', { mode: 0o600 });
    rmSync(trial);
  } catch (error) {
    return [problem('data', `${sessionsDir} cannot be written (${codeOf(error)})`, 'set SESSIONS_DIR to a folder of your own')];
  }
  const { bavail, bsize } = statfsSync(sessionsDir);
  const free = bavail * bsize;
  const room = `${(free / LEAST_FREE_BYTES).toFixed(1)} GiB free`;
  return [
    fine('data', sessionsDir),
    free >= LEAST_FREE_BYTES ? fine('disk', room) : warning('disk', room, 'make room; runs of code are stopped below 1 GiB'),
  ];
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : String(error);
}
