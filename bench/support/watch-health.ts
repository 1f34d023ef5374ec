import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

/** Polls `/health` from another process, so that only the server's own delays are seen; `stop` gives the latencies in ms. */
export async function watchHealth(url: string): Promise<{ stop(): Promise<number[]> }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'health-probe.mjs'), url], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [first] = await once(child.stdout, 'data') as [Buffer];
  if (!first.toString().startsWith('ready')) throw new Error('the probe did not start');
  const rest = text(child.stdout);
  return {
    stop: async () => {
      child.stdin.end();
      return JSON.parse(await rest) as number[];
    },
  };
}
