import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { composeServer } from '../src/cli/serve/compose-server.ts';
import { createSidecarClient } from '../src/client/index.ts';
import type { SidecarClient } from '../src/client/index.ts';
import { createIds, createLogger, createRedactor, loadConfig, systemClock } from '../src/config/index.ts';
import type { Config } from '../src/config/index.ts';

/** A server of its own on an empty data folder, which goes with it. */
export interface OpenTutor extends AsyncDisposable { client: SidecarClient; config: Config }

/** Starts the whole server inside this process with the settings of an environment; no code is run, so Python is left out. */
export async function openTutor(env: Readonly<Record<string, string | undefined>>): Promise<OpenTutor> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'eval-')));
  const ids = createIds(systemClock);
  const token = ids.secret(32);
  const logFile = join(folder, 'sidecar.log');
  const config = loadConfig({
    env: { ...env, SESSIONS_DIR: join(folder, 'sessions'), LOG_FILE: logFile, SIDECAR_PYTHON: join(folder, 'none'), SIDECAR_AUTH: 'token', SIDECAR_PORT: '0' },
    home: homedir(), platform: process.platform, token,
  });
  const redactor = createRedactor();
  redactor.register(token);
  const log = createLogger({ level: config.logLevel, logFile, clock: systemClock, redactor, writeConsole: () => undefined });
  const server = await composeServer(config, { clock: systemClock, ids, log, redactor, token, version: 'eval', signal: new AbortController().signal });
  return {
    config, client: createSidecarClient({ endpoint: { url: server.url, token } }),
    [Symbol.asyncDispose]: async () => {
      await server.close();
      log.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
