import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

/** What a program holds after a collection of its garbage, and what it is resident with then; in MB (10^6 bytes). */
export interface HeldMemory { heldMb: number; residentMb: number }

const WAIT_MS = 10_000;

/** Makes a started program answer `readHeldMemory`. */
export function memoryEnvironment(file: string): { import: string; env: Record<string, string> } {
  return { import: `--import=${join(import.meta.dirname, 'memory-probe.mjs')}`, env: { BENCH_MEMORY_FILE: file } };
}

/** Asks the program for its memory and waits for the answer. */
export async function readHeldMemory(pid: number, file: string): Promise<HeldMemory> {
  const known = await linesOf(file);
  process.kill(pid, 'SIGUSR2');
  const until = performance.now() + WAIT_MS;
  while (performance.now() < until) {
    await delay(50);
    const line = (await linesOf(file))[known.length];
    if (line === undefined) continue;
    const { rss, heapUsed, external } = JSON.parse(line) as { rss: number; heapUsed: number; external: number };
    return { heldMb: megabytes(heapUsed + external), residentMb: megabytes(rss) };
  }
  throw new Error('the program did not say what it holds');
}

async function linesOf(file: string): Promise<string[]> {
  const text = await readFile(file, 'utf8').catch(() => ''); // Nothing was asked yet.
  return text.split('\n').filter((line) => line !== '');
}

const megabytes = (bytes: number): number => Math.round(bytes / 1e5) / 10;
