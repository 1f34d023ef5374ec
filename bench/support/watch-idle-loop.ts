import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Watches an idle Node process beside the measured one; `stop` gives its longest stall in ms. */
export function watchIdleLoop(): { stop(): Promise<number> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'idle-loop.mjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  const said = text(child.stdout);
  return {
    stop: async () => {
      child.stdin.end();
      return Math.round(Number(await said));
    },
  };
}
