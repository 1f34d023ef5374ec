import { randomBytes } from 'node:crypto';
import type { Endpoint, SidecarClient } from '../client/index.ts';
import { createSidecarClient } from '../client/index.ts';
import { minimalEnvironment } from './minimal-environment.ts';
import type { ExitFacts } from './sidecar-process.ts';
import { SidecarProcess } from './sidecar-process.ts';
import type { SupervisorLimits, SupervisorOptions, SupervisorProblem } from './supervisor-contract.ts';
import { within } from './wait.ts';
import { watchHealth } from './watch-health.ts';

/** What one life of a sidecar reports while it runs. */
export interface LifeEvents {
  onSpawn(pid: number | null): void;
  /** Takes up the sessions again; the sidecar counts as ready afterwards. */
  beforeReady(client: SidecarClient): Promise<void>;
  onReady(endpoint: Endpoint, version: string): void;
}

/** How one life ended: asked for, or a problem. `isFinal` means that another start would end the same way. */
export type LifeEnd = { kind: 'stopped' } | { kind: 'crashed'; problem: SupervisorProblem; isFinal: boolean; readyMs: number };

/** A sidecar that told why it does not start ends by itself within this time, also on a busy machine. */
const LAST_STEPS_MS = 3000;

interface Life { options: SupervisorOptions; limits: SupervisorLimits; stop: AbortSignal; events: LifeEvents }
type Failure = { code: string; message: string; isFinal?: boolean };

/** Starts a sidecar, follows it until it is gone, and ends it when `stop` is aborted. The process is gone when this resolves. */
export async function runOnce(life: Life): Promise<LifeEnd> {
  const { options, limits, stop } = life;
  const token = randomBytes(32).toString('base64url');
  const child = new SidecarProcess({
    command: options.node,
    args: [...(options.nodeArgs ?? []), options.program, 'serve', '--token-stdin', '--exit-with-parent', ...(options.serveArgs ?? [])],
    env: { ...minimalEnvironment(process.env), ...options.environment },
    cwd: options.cwd,
    token,
  });
  life.events.onSpawn(child.pid);
  const ended = new AbortController();
  void child.exited.then(() => ended.abort());
  const stopped = whenAborted(stop, ended.signal);

  const readiness = await Promise.race([becomeReady({ ...life, gone: ended.signal }, child, token), stopped, child.exited.then(exitFailure)]);
  if (readiness === 'aborted') return await shutDown(child, limits);
  if ('code' in readiness) return await giveUp(child, readiness, 0);

  const readySince = performance.now();
  const watching = watchHealth(readiness.client, limits.health, ended.signal)
    .then((isDead): Failure => ({ code: 'UNRESPONSIVE', message: isDead ? 'the sidecar no longer answers' : 'the sidecar is gone' }));
  const failure = await Promise.race([stopped, child.exited.then(exitFailure), watching]);
  const readyMs = performance.now() - readySince;
  return failure === 'aborted' ? await shutDown(child, limits, ended) : await giveUp(child, failure, readyMs);
}

async function becomeReady(life: Life & { gone: AbortSignal }, child: SidecarProcess, token: string): Promise<{ client: SidecarClient } | Failure> {
  const { limits, events } = life;
  const announcement = await within(child.announced, limits.startMs);
  if (announcement === 'late') return { code: 'START_TIMEOUT', message: `the sidecar said nothing for ${limits.startMs} ms` };
  if (announcement.event === 'fatal') {
    const { code, message } = announcement;
    return { code, message, isFinal: code.startsWith('BUNDLE_') || ['CONFIG_INVALID', 'STORE_TOO_NEW'].includes(code) };
  }
  const endpoint = { url: announcement.url, token };
  const client = createSidecarClient({ endpoint });
  try {
    const { contract_version: version } = await client.contract({ timeoutMs: limits.contractMs });
    // The type allows only v1; the sidecar may be of another time.
    if (String(version) !== 'v1') return { code: 'CONTRACT_MISMATCH', message: `contract ${String(version)} instead of v1`, isFinal: true };
    await events.beforeReady(client);
    // A process that died while its sessions were taken up again never was ready.
    await client.health({ timeoutMs: limits.health.timeoutMs });
  } catch (error) {
    return { code: 'CONTRACT_UNREADABLE', message: error instanceof Error ? error.message : String(error) };
  }
  if (!life.gone.aborted) events.onReady(endpoint, announcement.version);
  return { client };
}

async function giveUp(child: SidecarProcess, failure: Failure, readyMs: number): Promise<LifeEnd> {
  // After a fatal line the sidecar ends by itself; its exit code is worth a moment.
  const exit = failure.code === 'UNRESPONSIVE' ? 'late' : await within(child.exited, LAST_STEPS_MS);
  if (exit === 'late') child.kill('SIGKILL');
  const { code } = await child.exited;
  return {
    kind: 'crashed', isFinal: failure.isFinal ?? false, readyMs,
    problem: { code: failure.code, message: failure.message, exitCode: code, stderr: child.stderrTail },
  };
}

async function shutDown(child: SidecarProcess, limits: SupervisorLimits, watch?: AbortController): Promise<LifeEnd> {
  watch?.abort();
  child.endInput();
  if ((await within(child.exited, limits.stopInputMs)) === 'late') {
    child.kill('SIGTERM');
    if ((await within(child.exited, limits.stopTermMs)) === 'late') child.kill('SIGKILL');
  }
  await child.exited;
  return { kind: 'stopped' };
}

function exitFailure({ code, signal, spawnError }: ExitFacts): Failure {
  if (spawnError !== null) return { code: 'SPAWN_FAILED', message: spawnError, isFinal: true };
  return { code: 'EXITED', message: `the sidecar ended with ${signal ?? `exit code ${code}`}` };
}

/** Resolves when `signal` is aborted; `release` drops the listener of a life that is over. */
function whenAborted(signal: AbortSignal, release: AbortSignal): Promise<'aborted'> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve('aborted');
    const tell = (): void => resolve('aborted');
    signal.addEventListener('abort', tell, { once: true });
    release.addEventListener('abort', () => signal.removeEventListener('abort', tell), { once: true });
  });
}
