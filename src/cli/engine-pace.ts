import { setFlagsFromString } from 'node:v8';

const LOADING_FLAGS = ['--optimize-for-size', '--no-turbofan', '--no-maglev'];
const WORKING_FLAGS = ['--no-optimize-for-size', '--turbofan', '--maglev'];
/** When a command that never says that it is ready works at full speed anyway. */
const LONGEST_LOADING_MS = 5_000;

/**
 * Loads frugally: what runs once needs no optimizing compiler (their code alone is 9 MB of memory once touched) and no room to grow
 * (10 MB of heap), and is ready as soon without.
 */
export function loadFrugally(): void {
  for (const flag of LOADING_FLAGS) setFlagsFromString(flag);
  workFreely(LONGEST_LOADING_MS);
}

/** After so many milliseconds everything may grow and be compiled, or bursts of requests would wait for the collector. Harmless twice. */
export function workFreely(afterMs: number): void {
  setTimeout(() => {
    for (const flag of WORKING_FLAGS) setFlagsFromString(flag);
  }, afterMs).unref();
}
