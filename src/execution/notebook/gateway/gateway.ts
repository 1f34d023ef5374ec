import type { NotebooksDeps } from '../notebook-contract.ts';
import { SidecarError } from '../../../contracts/index.ts';
import type { KernelGoneFacts } from '../connection/kernel-connection.ts';
import { createMessageMaker } from '../connection/new-message.ts';
import { KernelStartFailure } from '../connection/pipe-connection.ts';
import { createGatewayClient } from './gateway-client.ts';
import type { GatewayClient, GatewaySettings } from './gateway-client.ts';
import { GatewayConnection } from './gateway-connection.ts';
import { GatewayError } from './gateway-error.ts';
import type { GatewayProblem } from './gateway-error.ts';
import { GATEWAY_TIMES, launchLimits } from './gateway-times.ts';
import type { GatewayTimes } from './gateway-times.ts';
import { RemoteKernels } from './remote-kernels.ts';

const STARTS_KEPT = 64;
const CHECK_MS = 3_000;

/** Steps of a remote start, in milliseconds since it was asked for; null = not reached. */
export interface GatewayStart { requested_ms: number; created_ms: number | null; connected_ms: number | null; ready_ms: number | null; limit_ms: number }

/** What is known about the gateway: `ready`, a problem with its way out, or `unknown` before the first call. */
export interface GatewayState { state: 'unknown' | 'ready' | GatewayProblem; problem: string | null; fix: string | null }

export type GatewayDeps = Pick<NotebooksDeps, 'store' | 'clock' | 'ids' | 'log' | 'random' | 'gatewayTimes'>;

/** The door to kernels on other machines. */
export class Gateway {
  readonly kernels: RemoteKernels;
  readonly #settings: GatewaySettings;
  readonly #deps: GatewayDeps;
  readonly #times: GatewayTimes;
  readonly #client: GatewayClient;
  readonly #limits: { readyMs: number; launchSeconds: number };
  readonly #starts = new Map<string, GatewayStart>(); // one per session, the oldest leave beyond 64
  #problem: GatewayError | null = null;
  #isKnown = false;

  constructor(settings: GatewaySettings, deps: GatewayDeps) {
    const { gatewayTimes } = deps;
    this.#settings = settings;
    this.#deps = deps;
    this.#times = { ...GATEWAY_TIMES, ...gatewayTimes };
    const limits = launchLimits(settings.environment);
    this.#limits = gatewayTimes?.readyMs === undefined ? limits : { ...limits, readyMs: gatewayTimes.readyMs };
    this.#client = createGatewayClient(settings, { callMs: this.#times.callMs, onOutcome: (problem, isStart) => this.#noteCall(problem, isStart) });
    this.kernels = new RemoteKernels({
      url: settings.url, client: this.#client, facts: deps.store.facts, clock: deps.clock, log: deps.log, times: this.#times, readyMs: this.#limits.readyMs,
    });
  }

  /** A kernel of a session that answers. Throws EXECUTION_UNAVAILABLE with the cause and the way out. */
  async start(sessionId: string, signal: AbortSignal): Promise<GatewayConnection> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(this.#limits.readyMs)]);
    const progress = this.#begin(sessionId);
    try {
      return await this.#launch(sessionId, progress, limit);
    } catch (error) {
      signal.throwIfAborted();
      throw new GatewayStartError(limit.aborted ? this.#slowStart(progress.steps, error) : error);
    }
  }

  /** What is known, and how far the last start of a session has come. */
  describe(sessionId: string): GatewayState & { start: GatewayStart | null } {
    return { ...this.state(), start: this.#starts.get(sessionId) ?? null };
  }

  state(): GatewayState {
    const problem = this.#problem;
    if (problem !== null) return { state: problem.problem, problem: problem.message, fix: problem.fix };
    return { state: this.#isKnown ? 'ready' : 'unknown', problem: null, fix: null };
  }

  /** Asks the gateway how it is. Never throws. */
  async check(): Promise<GatewayState> {
    await this.#client.check(AbortSignal.timeout(Math.min(CHECK_MS, this.#times.callMs))).catch((error: unknown) => {
      if (error instanceof GatewayError) this.#note(error);
    });
    return this.state();
  }

  async #launch(sessionId: string, { steps, now }: Progress, signal: AbortSignal): Promise<GatewayConnection> {
    const { ids, clock, random } = this.#deps;
    const id = await this.kernels.start(ids.uuid(), remoteEnvironment(this.#settings, { sessionId, launchSeconds: this.#limits.launchSeconds }), signal);
    steps.created_ms = now();
    const session = ids.uuid();
    const connection = new GatewayConnection(id, {
      client: this.#client, kernels: this.kernels, make: createMessageMaker(this.#deps, session), session, clock, times: this.#times, random,
      onConnected: () => { steps.connected_ms ??= now(); },
    });
    try {
      await connection.begin(signal);
      steps.ready_ms = now();
      return connection;
    } catch (error) {
      await connection.kill('worker_lost', 'the remote kernel did not get ready');
      if (error instanceof GatewayError) this.#note(error);
      throw error;
    }
  }

  #begin(sessionId: string): Progress {
    const { clock } = this.#deps;
    const startMs = clock.monotonicMs();
    const steps: GatewayStart = { requested_ms: 0, created_ms: null, connected_ms: null, ready_ms: null, limit_ms: this.#limits.readyMs };
    this.#starts.delete(sessionId);
    this.#starts.set(sessionId, steps);
    const [oldest] = this.#starts.keys();
    if (this.#starts.size > STARTS_KEPT && oldest !== undefined) this.#starts.delete(oldest);
    return { steps, now: () => Math.round(clock.monotonicMs() - startMs) };
  }

  #slowStart({ created_ms: created, connected_ms: connected }: GatewayStart, cause: unknown): GatewayError {
    const what = created === null ? 'made no kernel' : connected === null ? 'opened no connection to the kernel' : 'has a kernel that does not answer';
    const error = new GatewayError('slow', `the gateway ${what} within ${this.#limits.readyMs / 1000} s`, { cause });
    this.#note(error);
    return error;
  }

  /** A call that works says nothing about a start that is refused: only a start that works does. */
  #noteCall(problem: GatewayError | null, isStart: boolean): void {
    if (problem !== null || isStart || this.#problem === null || PASSING.has(this.#problem.problem)) this.#note(problem);
  }

  #note(problem: GatewayError | null): void {
    const { log } = this.#deps;
    if (problem !== null && problem.problem !== this.#problem?.problem) log.warn({ problem: problem.problem, detail: problem.message }, 'the kernel gateway has a problem');
    if (problem === null && this.#problem !== null) log.info({ problem: this.#problem.problem }, 'the kernel gateway works again');
    this.#problem = problem;
    this.#isKnown = true;
  }
}

const PASSING = new Set<GatewayProblem>(['unreachable', 'untrusted', 'failing', 'slow']);

interface Progress { steps: GatewayStart; now(): number }

/** A remote kernel that did not start, with the cause and the way out as its last words. */
export class GatewayStartError extends SidecarError {
  readonly facts: Pick<KernelGoneFacts, 'reason' | 'detail' | 'stderrTail'>;

  constructor(cause: unknown) {
    const [detail, tail] = cause instanceof GatewayError ? [cause.message, `${cause.message}; ${cause.fix}`] : factsOf(cause);
    super('EXECUTION_UNAVAILABLE', detail, { cause, detail: tail, retryAfterSeconds: 5 });
    this.facts = { reason: 'worker_lost', detail, stderrTail: tail };
  }
}

function factsOf(error: unknown): [string, string] {
  if (error instanceof KernelStartFailure) return [error.facts.detail, error.facts.stderrTail];
  return ['the remote kernel could not be started', ''];
}

/** What a remote kernel is told: the operator's settings, where its workspace is mounted, and nothing else of ours. */
function remoteEnvironment({ environment, files }: GatewaySettings, { sessionId, launchSeconds }: { sessionId: string; launchSeconds: number }): Record<string, string> {
  const named = Object.entries(environment).map(([name, value]) => [name.startsWith('KERNEL_') ? name : `KERNEL_${name}`, value] as const);
  return {
    ...Object.fromEntries(named), KERNEL_LAUNCH_TIMEOUT: String(launchSeconds),
    ...(files.mode === 'shared' ? { KERNEL_WORKING_DIR: `${files.remotePath.replace(/\/+$/, '')}/${sessionId}/user_workspace` } : {}),
  };
}

/** How a gateway answers right now, for a look from outside. Never throws. */
export async function probeGateway(settings: GatewaySettings): Promise<GatewayState> {
  const problem = await createGatewayClient(settings, { callMs: CHECK_MS }).check(AbortSignal.timeout(CHECK_MS)).then(() => null, (error: unknown) => error);
  if (problem === null) return { state: 'ready', problem: null, fix: null };
  if (!(problem instanceof GatewayError)) throw problem;
  return { state: problem.problem, problem: problem.message, fix: problem.fix };
}
