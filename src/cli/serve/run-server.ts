import type { Config, Log } from '../../config/index.ts';
import { createIds, createLogger, createRedactor, secretValues, systemClock } from '../../config/index.ts';
import { CONTRACT_VERSION, ROUTES } from '../../contracts/index.ts';
import { workFreely } from '../engine-pace.ts';
import { EXIT } from '../exit-codes.ts';
import { programVersion } from '../program-version.ts';
import type { Terminal } from '../terminal.ts';
import { composeServer } from './compose-server.ts';
import { explainFailure, isExpected } from './failure.ts';
import { refuseTakenPort } from './refuse-taken-port.ts';
import { listenForStop } from './stop-request.ts';

export interface ReadyFacts { url: string; token: string }

export interface ServerRun {
  config: Config;
  terminal: Terminal;
  /** Settles when the parent is gone; null = nobody watches. */
  parentGone: Promise<void> | null;
  /** Least level on stderr; unset = the configured one. */
  consoleLevel?: Config['logLevel'];
  onReady?(facts: ReadyFacts): void;
}

const FORCED_STOP_MS = 5000;
const SETTLED_MS = 500;

/** Runs a server until it is told to stop; resolves with the exit code, rejects when it cannot start. */
export async function runServer({ config, terminal, parentGone, consoleLevel, onReady }: ServerRun): Promise<number> {
  const redactor = createRedactor();
  const ids = createIds(systemClock);
  const token = config.auth.token ?? ids.secret(32);
  for (const secret of [token, ...secretValues(terminal.env)]) redactor.register(secret);
  // A refusal of the start is one sentence for people; as a line it goes into the log file only.
  let isToldOtherwise = false;
  const log = createLogger({
    level: config.logLevel, consoleLevel: consoleLevel ?? config.logLevel, logFile: config.logFile, clock: systemClock, redactor,
    writeConsole: (line) => {
      if (!isToldOtherwise) terminal.err(line);
    },
  });
  const version = programVersion(config.programDir);
  endOnDefects(log);
  using stop = listenForStop({ clock: systemClock, parentGone, onSecond: () => process.exit(EXIT.internal) });
  const announce = (line: object): void => terminal.out(`${JSON.stringify(line)}\n`);

  try {
    await refuseTakenPort(config);
    const server = await composeServer(config, { clock: systemClock, ids, log, redactor, token, version, signal: stop.signal, onWork: workFreely });
    tellStart(config, log);
    announce({
      event: 'ready', url: server.url, pid: process.pid, contract_version: CONTRACT_VERSION, version, auth: config.auth.mode,
      // A token that the parent made is known to it; in desktop mode none is ever told.
      ...(config.auth.token === null && config.auth.mode === 'token' ? { token } : {}),
    });
    log.info({ url: server.url, version, node: process.versions.node, platform: process.platform, arch: process.arch, auth: config.auth.mode }, 'ready');
    void server.prepared.then(() => setTimeout(workFreely, SETTLED_MS).unref());
    onReady?.({ url: server.url, token });

    const reason = await stop.reason;
    const force = setTimeout(() => process.exit(EXIT.internal), FORCED_STOP_MS);
    announce({ event: 'stopping', reason });
    log.info({ reason }, 'stopping');
    await server.close();
    clearTimeout(force);
    log.info({}, 'stopped');
    return EXIT.ok;
  } catch (error) {
    if (stop.signal.aborted) return EXIT.ok;
    isToldOtherwise = isExpected(error);
    const { code, message: reason } = explainFailure(error);
    log.error(isToldOtherwise ? { code, reason } : { error }, 'the start failed');
    throw error;
  } finally {
    log.close();
  }
}

function tellStart(config: Config, log: Log): void {
  for (const warning of config.warnings) log.warn({ warning }, 'a setting was ignored or is risky');
  if (config.auth.mode !== 'desktop') return;
  const open = ROUTES.filter(({ auth }) => auth === 'open').map(({ method, path }) => `${method} ${path}`);
  log.warn({ open, origins: config.auth.desktopOrigins }, 'desktop mode: these routes answer without a token');
}

/** A broken invariant outside any request ends the process: what it left behind cannot be trusted. */
function endOnDefects(log: Log): void {
  const end = (kind: string) => (error: unknown): void => {
    log.error({ error, kind }, 'the program ends because of a defect');
    process.exit(EXIT.internal);
  };
  process.once('uncaughtException', end('exception'));
  process.once('unhandledRejection', end('rejection'));
}
