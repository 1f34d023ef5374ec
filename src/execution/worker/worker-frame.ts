import { invariant } from '../../contracts/index.ts';
import type { LaneLimits } from '../guard/index.ts';

const MAX_BYTES = 4 * 1024 * 1024;

/** First frame: what is imported before the job. */
export interface SetupFrame { preload: readonly string[]; figures: boolean }

/** Second and last frame: the job. */
export interface JobFrame {
  run: string; secret: string; code: string | null; path: string | null; argv: readonly string[]; stdin: string; limits: LaneLimits;
  figures_dir: string | null; seed: number | null; network_off: boolean;
}

/** u32 big-endian length and JSON. Text of learners is data here: nothing of it is spliced into code. */
export function encodeWorkerFrame(frame: SetupFrame | JobFrame): Buffer {
  const body = Buffer.from(JSON.stringify(frame));
  invariant(body.length <= MAX_BYTES, 'a worker frame is within 4 MiB');
  const head = Buffer.alloc(4);
  head.writeUInt32BE(body.length);
  return Buffer.concat([head, body]);
}
