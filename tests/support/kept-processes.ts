import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';

/** A program that a test has started. */
export interface KeptProcess { title: string; child: ChildProcess; /** What it has told so far. */ log(): string }

const SHOWN_LINES = 25;
const kept = new Set<KeptProcess>(); // left by `forgetEnded` and `endKept`

/** Has a program ended with its test file, if its own owner never came to it, and remembers what it said for the test that fails. */
export function keepProcess(started: KeptProcess): void {
  kept.add(started);
}

/** The last lines of every program that ran in this test. */
export function lastWords(): string {
  return [...kept].map(({ title, child, log }) => {
    const end = child.exitCode ?? child.signalCode;
    const lines = log().trimEnd().split('\n').slice(-SHOWN_LINES).join('\n');
    return `— ${title} ${child.pid ?? ''} (${end === null ? 'running' : `ended: ${end}`})\n${lines}`;
  }).join('\n');
}

/** Forgets programs that have ended. */
export function forgetEnded(): void {
  for (const each of kept) if (each.child.exitCode !== null || each.child.signalCode !== null) kept.delete(each);
}

/** Ends every program that is left; resolves when it is gone. */
export async function endKept(): Promise<void> {
  forgetEnded();
  await Promise.all([...kept].map(async ({ child }) => {
    const isGone = child.pid === undefined ? null : once(child, 'exit'); // one that never started has no end
    child.kill('SIGKILL');
    await isGone;
  }));
  kept.clear();
}
