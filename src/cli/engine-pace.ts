import { setFlagsFromString } from 'node:v8';

const LOADING_FLAGS = ['--optimize-for-size', '--no-turbofan', '--no-maglev'];
const WORKING_FLAGS = ['--no-optimize-for-size', '--turbofan', '--maglev'];
/** When a command that never says that it is ready works at full speed anyway. */
const LONGEST_LOADING_MS = 5_000;

let isLoading = false;

/**
 * Loads frugally: what runs once needs no optimizing compiler (their code alone is 9 MB of memory once touched) and no room to grow
 * (10 MB of heap), and is ready as soon without.
 */
export function loadFrugally(): void {
  isLoading = true;
  for (const flag of LOADING_FLAGS) setFlagsFromString(flag);
  setTimeout(workFreely, LONGEST_LOADING_MS).unref();
}

/** From now on everything may grow and be compiled, or bursts of requests would wait for the collector. The first call counts. */
export function workFreely(): void {
  if (!isLoading) return;
  isLoading = false;
  for (const flag of WORKING_FLAGS) setFlagsFromString(flag);
}
