import type { SidecarClient } from '../client/index.ts';
import { wait } from './wait.ts';

export interface HealthLimits { everyMs: number; timeoutMs: number; misses: number }

/** Asks for health again and again; resolves true after too many misses in a row, false when the signal ends it. */
export async function watchHealth(client: SidecarClient, limits: HealthLimits, signal: AbortSignal): Promise<boolean> {
  let misses = 0;
  while (!signal.aborted) {
    await wait(limits.everyMs, signal);
    if (signal.aborted) return false;
    misses = (await isHealthy(client, limits.timeoutMs, signal)) ? 0 : misses + 1;
    if (misses >= limits.misses) return !signal.aborted;
  }
  return false;
}

async function isHealthy(client: SidecarClient, timeoutMs: number, signal: AbortSignal): Promise<boolean> {
  try {
    await client.health({ timeoutMs, signal });
    return true;
  } catch {
    return false; // Whatever went wrong, it was not an answer.
  }
}
