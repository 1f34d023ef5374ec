import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { composeServer } from '../../src/cli/serve/compose-server.ts';
import { createIds, createLogger, createRedactor, loadConfig, systemClock } from '../../src/config/index.ts';
import type { Clock } from '../../src/config/index.ts';
import { rawRequest } from './raw-http.ts';
import type { RawAnswer, RawRequest } from './raw-http.ts';
import { openSse } from './sse-client.ts';
import type { SseStream } from './sse-client.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

export const TOKEN = 'composed-server-token-0123456789abcdefghij';
export const CHAPTER = 'python_first_steps/ch1_reading_a_table';

export interface ComposedOptions { env?: Record<string, string>; sessionsDir?: string; clock?: Clock }

/** The whole server inside this process: every part is real, only the command line is left out. */
export interface ComposedTestServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly sessionsDir: string;
  readonly logFile: string;
  /** A raw request with the token, unless `authorization` is given; an empty one sends none. */
  request(method: string, target: string, change?: Omit<RawRequest, 'port' | 'method' | 'target'> & { authorization?: string; json?: unknown }): Promise<RawAnswer>;
  create(body?: Record<string, unknown>): Promise<string>;
  send(sessionId: string, message: string): Promise<SseStream>;
  events(sessionId: string, after?: string): Promise<SseStream>;
  /** Names below the sessions folder, without the store's own files. */
  folders(): Promise<string[]>;
  log(): Promise<string>;
}

/** Starts the server on a free port with the offline tutor, unless the environment names another model. */
export async function startComposed({ env = {}, sessionsDir, clock = systemClock }: ComposedOptions = {}): Promise<ComposedTestServer> {
  const folder = await createTemporaryFolder('composed');
  const dir = sessionsDir ?? join(folder.path, 'sessions');
  const logFile = join(folder.path, 'sidecar.log');
  const config = loadConfig({
    env: { LLM_PROVIDER: 'offline', SESSIONS_DIR: dir, LOG_FILE: logFile, ...env }, home: folder.path, platform: process.platform, token: TOKEN,
  });
  const redactor = createRedactor();
  redactor.register(TOKEN);
  const log = createLogger({ level: config.logLevel, logFile, clock, redactor, writeConsole: () => undefined });
  const server = await composeServer(config, {
    clock, ids: createIds(clock), log, redactor, token: TOKEN, version: '0.0.0-test', signal: new AbortController().signal,
  });
  const port = Number(new URL(server.url).port);
  const authorization = `Bearer ${TOKEN}`;
  const request: ComposedTestServer['request'] = async (method, target, { authorization: given = authorization, json, headers, ...rest } = {}) =>
    await rawRequest({
      port, method, target, ...rest,
      headers: {
        ...(given === '' ? {} : { authorization: given }), ...(json === undefined ? {} : { 'content-type': 'application/json' }), ...headers,
      },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    });
  return {
    url: server.url, port, sessionsDir: dir, logFile, request,
    create: async (body = {}) => {
      const answer = await request('POST', '/api/session/new', { json: { chapter_id: CHAPTER, ...body } });
      if (answer.status !== 200) throw new Error(`create answered ${answer.status} ${answer.body}`);
      return answer.json().session_id as string;
    },
    send: async (sessionId, message) =>
      await openSse({ url: `${server.url}/api/session/${sessionId}/message/stream`, body: { message }, headers: { authorization } }),
    events: async (sessionId, after) => await openSse({
      url: `${server.url}/api/session/${sessionId}/events`, headers: { authorization }, ...(after === undefined ? {} : { after }),
    }),
    folders: async () => (await readdir(dir)).filter((name) => !name.startsWith('sidecar.') && !name.startsWith('.')).toSorted(),
    log: async () => await readFile(logFile, 'utf8').catch(() => ''),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      log.close();
      await folder[Symbol.asyncDispose]();
    },
  };
}
