import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { keepProcess } from './kept-processes.ts';
import { within } from './provider/bounded.ts';
import { openSse } from './sse-client.ts';
import type { SseStream } from './sse-client.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

const root = join(import.meta.dirname, '..', '..');
/** The built program. */
export const PROGRAM = join(root, 'dist', 'sidecar', 'main.mjs');

/** Bounds against hanging. */
const READY_MS = 60_000;
const CALL_MS = 90_000;

export interface SidecarOptions {
  /** Data folder to go on with; unset = a fresh one that goes with the process. */
  sessionsDir?: string;
  env?: Record<string, string>;
  args?: readonly string[];
}

export interface JsonAnswer { status: number; body: any; headers: Headers }

/** A running sidecar, started from the built program as its users start it. */
export interface SidecarProcess extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  readonly pid: number;
  readonly ready: Record<string, unknown>;
  readonly sessionsDir: string;
  readonly child: ChildProcessWithoutNullStreams;
  stderr(): string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<JsonAnswer>;
  /** Opens the stream of a turn. */
  send(sessionId: string, message: string, extra?: Record<string, unknown>): Promise<SseStream>;
  /** Sends and collects every event up to the terminal one. */
  turn(sessionId: string, message: string, extra?: Record<string, unknown>): Promise<Record<string, any>[]>;
  events(sessionId: string, after?: string): Promise<SseStream>;
  create(body?: Record<string, unknown>): Promise<string>;
  /** Ends the process with a signal and waits until it is gone. */
  kill(signal?: NodeJS.Signals): Promise<number | null>;
}

/** Environment without anything of the machine that could configure the program. */
function cleanEnvironment(env: Record<string, string>): Record<string, string> {
  return { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '', ...env };
}

async function readReadyLine(child: ChildProcessWithoutNullStreams, stderr: () => string): Promise<Record<string, unknown>> {
  const lines = createInterface({ input: child.stdout });
  return await new Promise((resolve, reject) => {
    lines.once('line', (line) => {
      const event = JSON.parse(line) as Record<string, unknown>;
      if (event['event'] === 'ready') resolve(event);
      else reject(new Error(`not ready: ${line}\n${stderr()}`));
    });
    child.once('exit', (code) => reject(new Error(`the sidecar ended with ${code} before it was ready\n${stderr()}`)));
    child.once('error', reject);
  });
}

/** Starts the built program on a free port and waits for its ready line. */
export async function startSidecar(options: SidecarOptions = {}): Promise<SidecarProcess> {
  const folder = options.sessionsDir === undefined ? await createTemporaryFolder('sidecar') : null;
  const sessionsDir = options.sessionsDir ?? folder!.path;
  const child = spawn(process.execPath, [PROGRAM, 'serve', '--port', '0', ...(options.args ?? [])], {
    env: cleanEnvironment({ SESSIONS_DIR: sessionsDir, LLM_PROVIDER: 'offline', ...options.env }), stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => { errors = (errors + chunk.toString()).slice(-64_000); });
  const exited = new Promise<number | null>((resolve) => { child.once('exit', (code) => resolve(code)); });
  keepProcess({ title: 'the sidecar', child, log: () => errors });
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await exited;
    await folder?.[Symbol.asyncDispose]();
  };
  const isReady = within(readReadyLine(child, () => errors), READY_MS, () => `no ready line\n${errors}`);
  const ready = await isReady.catch(async (error: unknown) => {
    await end();
    throw error;
  });
  const url = String(ready['url']);
  const token = String(ready['token'] ?? options.env?.['SIDECAR_TOKEN'] ?? '');
  const auth = { authorization: `Bearer ${token}` };

  const call: SidecarProcess['call'] = async (method, path, body, headers = {}) => {
    const response = await fetch(url + path, {
      signal: AbortSignal.timeout(CALL_MS), method, headers: { ...auth, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const isJson = response.headers.get('content-type')?.includes('json') ?? false;
    return { status: response.status, headers: response.headers, body: isJson ? await response.json() : await response.text() };
  };
  const send: SidecarProcess['send'] = async (sessionId, message, extra = {}) =>
    await openSse({ url: `${url}/api/session/${sessionId}/message/stream`, body: { message, ...extra }, headers: auth });
  return {
    url, token, pid: child.pid!, ready, sessionsDir, child, call, send,
    stderr: () => errors,
    turn: async (sessionId, message, extra) => {
      const stream = await send(sessionId, message, extra);
      await stream.untilTerminal();
      await stream.untilEnd();
      return stream.events.map((frame) => frame.data);
    },
    events: async (sessionId, after) => await openSse({
      url: `${url}/api/session/${sessionId}/events`, headers: { ...auth, ...(after === undefined ? {} : { 'last-event-id': after }) },
    }),
    create: async (body = {}) => {
      const answer = await call('POST', '/api/session/new', { chapter_id: 'python_first_steps/ch1_reading_a_table', ...body });
      if (answer.status !== 200) throw new Error(`create answered ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body.session_id as string;
    },
    kill: async (signal = 'SIGKILL') => {
      child.kill(signal);
      return await exited;
    },
    [Symbol.asyncDispose]: end,
  };
}
