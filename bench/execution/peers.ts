import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const PREDECESSOR_POLL_MS = 50;

/** A bare interpreter: from the spawn to its end and its last byte. */
export async function timeBare(python: string, code: string): Promise<number> {
  const started = performance.now();
  const child = spawn(python, ['-c', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  await once(child, 'close');
  return performance.now() - started;
}

/** The predecessor's way: a spawn whose end is looked for every 50 ms. */
export async function timePolled(python: string, code: string): Promise<number> {
  const started = performance.now();
  const child = spawn(python, ['-c', code], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.resume();
  child.stderr.resume();
  return await new Promise((resolve) => {
    const poll = setInterval(() => {
      if (child.exitCode === null) return;
      clearInterval(poll);
      resolve(performance.now() - started);
    }, PREDECESSOR_POLL_MS);
  });
}

export interface JupyterPeer extends AsyncDisposable { version: string; time(kind: 'cold' | 'warm', code: string): Promise<number> }

/** A process with `jupyter_client`, or the reason why there is none. */
export async function startJupyterPeer(python: string): Promise<JupyterPeer | { missing: string }> {
  const child = spawn(python, [join(import.meta.dirname, 'jupyter_peer.py')], { stdio: ['pipe', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-2_000); });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const first = await lines.next();
  if (first.done === true) return { missing: errors.trim().split('\n').at(-1) ?? 'ended' };
  return {
    version: String(JSON.parse(first.value)),
    time: async (kind, code) => {
      child.stdin.write(`${kind} ${JSON.stringify(code)}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(errors);
      return Number(JSON.parse(line.value));
    },
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
