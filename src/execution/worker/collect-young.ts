import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Makes a function that collects the youngest garbage when it is called. Every read of a flood leaves a buffer behind that the heap does not
 * count as its own, so that without this a hundred megabytes of output would hold tens of megabytes until something else fills the heap.
 */
export function createYoungCollector(): () => void {
  let collect: ((options: { type: 'minor' }) => void) | null = null;
  return () => {
    if (collect === null) {
      setFlagsFromString('--expose-gc');
      // The flag gives new contexts this function; it is typed by the engine's documentation.
      collect = runInNewContext('gc') as (options: { type: 'minor' }) => void;
      setFlagsFromString('--no-expose-gc');
    }
    collect({ type: 'minor' });
  };
}
