import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import type { Announcement } from './announcement.ts';
import { tryParseAnnouncement } from './announcement.ts';

export interface SpawnOptions { command: string; args: readonly string[]; env: Record<string, string>; cwd: string | undefined; token: string }

/** How a process went. `spawnError` is set when it never ran. */
export interface ExitFacts { code: number | null; signal: NodeJS.Signals | null; spawnError: string | null }

const STDERR_CHARACTERS = 8000;
const MAX_LINE_CHARACTERS = 64 * 1024;
/** A grandchild may hold the pipes open after the process itself is gone. */
const PIPES_AFTER_EXIT_MS = 2000;

/** One sidecar process: its announcements, its last words and its end. */
export class SidecarProcess {
  /** Settles with the first line that is `ready` or `fatal`; stays open if there is none. */
  readonly announced: Promise<Extract<Announcement, { event: 'ready' | 'fatal' }>>;
  /** Settles when the process is gone; never rejects. */
  readonly exited: Promise<ExitFacts>;
  readonly #child: ChildProcessWithoutNullStreams;
  #stderr = '';

  constructor({ command, args, env, cwd, token }: SpawnOptions) {
    const child = spawn(command, [...args], {
      cwd, env, shell: false, stdio: ['pipe', 'pipe', 'pipe'], windowsHide: true,
      // A Ctrl-C in the parent's terminal is the parent's; on Windows a detached process would get a console of its own.
      detached: process.platform !== 'win32',
    });
    this.#child = child;
    this.announced = new Promise((resolve) => {
      readLines(child.stdout, (line) => {
        const announcement = tryParseAnnouncement(line);
        if (announcement !== null && announcement.event !== 'stopping') resolve(announcement);
      });
    });
    this.exited = exitOf(child);
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr = (this.#stderr + text).slice(-STDERR_CHARACTERS);
    });
    // A child that is gone already breaks the pipe; `exited` tells it.
    child.stdin.on('error', () => undefined);
    child.stdin.write(`${token}\n`);
  }

  get pid(): number | null {
    return this.#child.pid ?? null;
  }

  /** The last 8000 characters of stderr. */
  get stderrTail(): string {
    return this.#stderr;
  }

  /** Tells the sidecar that its parent is done with it. */
  endInput(): void {
    this.#child.stdin.end();
  }

  kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(signal);
  }
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = (lines.pop() ?? '').slice(-MAX_LINE_CHARACTERS);
    for (const line of lines) onLine(line);
  });
}

function exitOf(child: ChildProcessWithoutNullStreams): Promise<ExitFacts> {
  return new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const settle = (facts: ExitFacts): void => {
      clearTimeout(timer);
      resolve(facts);
    };
    child.once('error', (error) => {
      if (child.pid === undefined) settle({ code: null, signal: null, spawnError: error.message });
    });
    child.once('exit', (code, signal) => {
      timer = setTimeout(settle, PIPES_AFTER_EXIT_MS, { code, signal, spawnError: null });
    });
    child.once('close', (code, signal) => settle({ code, signal, spawnError: null }));
  });
}
