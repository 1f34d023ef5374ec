import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { keepProcess } from './kept-processes.ts';
import { PROGRAM } from './sidecar-process.ts';

/** A running command of the built program. */
export interface RunningCommand extends AsyncDisposable {
  child: ChildProcessWithoutNullStreams;
  /** The next JSON line of stdout. */
  announcement(): Promise<Record<string, unknown>>;
  /** Waits for the end. */
  ended(): Promise<{ code: number | null; out: string; err: string }>;
}

/** Starts a command with nothing of the machine's environment that could configure it. */
export function startCommand(args: readonly string[], env: Record<string, string> = {}): RunningCommand {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', LLM_PROVIDER: 'offline', ...env }, stdio: ['pipe', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  let read = 0;
  child.stdout.setEncoding('utf8').on('data', (text: string) => { out += text; });
  child.stderr.setEncoding('utf8').on('data', (text: string) => { err += text; });
  child.stdin.on('error', () => undefined);
  const closed = once(child, 'close');
  keepProcess({ title: `sidecar ${args.join(' ')}`, child, log: () => err });
  return {
    child,
    announcement: async () => {
      while (!out.includes('\n', read)) {
        const event = await Promise.race([once(child.stdout, 'data'), closed.then(() => 'closed')]);
        if (event === 'closed' && !out.includes('\n', read)) throw new Error(`no further line on stdout\n${err}`);
      }
      const end = out.indexOf('\n', read);
      const line = out.slice(read, end);
      read = end + 1;
      return JSON.parse(line) as Record<string, unknown>;
    },
    ended: async () => {
      await closed;
      return { code: child.exitCode, out, err };
    },
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

/** Runs a command to its end with the given input. */
export async function runToEnd(args: readonly string[], options: { input?: string; env?: Record<string, string> } = {}): Promise<{ code: number | null; out: string; err: string }> {
  await using command = startCommand(args, options.env);
  command.child.stdin.end(options.input ?? '');
  return await command.ended();
}
