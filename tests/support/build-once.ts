import { buildIfStale } from '../../scripts/build-if-stale.mjs';

/** Builds the program before the process tests, unless it is as new as its sources. */
export function setup(): void {
  buildIfStale();
}
