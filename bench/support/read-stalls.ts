import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** One stall of the event loop: how long, and what the main thread computed meanwhile. `at` is its end in milliseconds since 1970. */
export interface Stall { at: number; wallMs: number; cpuMs: number }

/** Makes a started program note its stalls in a file. */
export function stallEnvironment(file: string): { import: string; env: Record<string, string> } {
  return { import: `--import=${join(import.meta.dirname, 'stall-probe.mjs')}`, env: { BENCH_STALL_FILE: file } };
}

/** The stalls noted so far. */
export async function readStalls(file: string): Promise<Stall[]> {
  const text = await readFile(file, 'utf8').catch(() => ''); // No file: there was none.
  return text.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as Stall);
}
