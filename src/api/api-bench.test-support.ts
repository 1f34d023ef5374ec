import { createIds, systemClock } from '../config/index.ts';
import type { Sessions } from '../sessions/index.ts';
import { rawRequest } from '../../tests/support/raw-http.ts';
import type { RawAnswer, RawRequest } from '../../tests/support/raw-http.ts';
import type { ApiDeps } from './api-contract.ts';
import { createServer } from './server.ts';

export const TOKEN = 'unit-test-token-0123456789abcdefghijklmnop';

export interface LogLine { level: string; fields: Record<string, unknown>; message: string }

/** What lies below the HTTP layer, reduced to one outcome: every call returns or throws the same. */
export interface BenchOptions { outcome?: () => unknown; change?: Partial<ApiDeps> }

/** The HTTP layer alone, listening, over parts that do what the test says. */
export async function openApi({ outcome = () => ({}), change = {} }: BenchOptions = {}) {
  const log: LogLine[] = [];
  const errors: string[] = [];
  const refusals: string[] = [];
  const write = (level: string) => (fields: object, message: string) => { log.push({ level, fields: { ...fields }, message }); };
  const known = { ensureKnown: async () => undefined, pathsOf: () => ({}), languageOf: () => change.language ?? 'en' };
  const through = <T extends object>(fixed: object): T => new Proxy(fixed, {
    get: (target, name) => (Reflect.has(target, name) ? Reflect.get(target, name) : () => outcome()),
  }) as T;
  const server = await createServer({
    sessions: through<Sessions>({ ...known, files: through({}) }), catalogue: through({}),
    report: through({ isStopping: () => false, uptimeMs: () => 1, version: '1', noteError: (code: string, _id: string, { anybody }: { anybody: boolean }) => (anybody ? refusals : errors).push(code) }),
    guard: { token: TOKEN, mode: 'token', allowedOrigins: [], desktopOrigins: [] }, language: 'en', workbenchDir: null, execution: null, notebook: null,
    clock: systemClock, ids: createIds(systemClock),
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') }, ...change,
  });
  const { url, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    url, port, log, errors, refusals, server,
    ask: async (method: string, target: string, extra: Partial<RawRequest> = {}): Promise<RawAnswer> =>
      await rawRequest({ port, method, target, ...extra, headers: { authorization: `Bearer ${TOKEN}`, ...extra.headers } }),
    [Symbol.asyncDispose]: async () => await server.close(0),
  };
}
