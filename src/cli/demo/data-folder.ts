import { join } from 'node:path';
import { findCheckout, findProgramFolder } from '../../config/index.ts';
import type { Terminal } from '../terminal.ts';

/** The environment with the sessions of a checkout in its `.sidecar/`, unless a folder was named. */
export function withCheckoutSessions(env: Terminal['env']): Terminal['env'] {
  const checkout = findCheckout(findProgramFolder());
  if (checkout === null || (env['SESSIONS_DIR']?.trim() ?? '') !== '') return env;
  return { ...env, SESSIONS_DIR: join(checkout, '.sidecar', 'sessions') };
}
