import { randomInt } from 'node:crypto';
import type { ReattachRequest } from '../contracts/index.ts';
import type { Endpoint, SidecarClient } from '../client/index.ts';
import { SidecarApiError, createSidecarClient } from '../client/index.ts';
import { RestartPolicy } from './restart-policy.ts';
import type { LifeEnd } from './run-once.ts';
import { runOnce } from './run-once.ts';
import type { Supervisor, SupervisorLimits, SupervisorOptions, SupervisorStatus } from './supervisor-contract.ts';
import { DEFAULT_LIMITS, SupervisorError } from './supervisor-contract.ts';
import { wait } from './wait.ts';

interface Waiter { resolve(endpoint: Endpoint): void; reject(error: SupervisorError): void }

const STOPPED: SupervisorStatus = { state: 'stopped', endpoint: null, pid: null, version: null, problem: null };

/** Makes a supervisor; nothing runs until `start()`. */
export function createSupervisor(options: SupervisorOptions): Supervisor {
  return new SidecarSupervisor(options);
}

class SidecarSupervisor implements Supervisor {
  readonly client: SidecarClient;
  readonly #options: SupervisorOptions;
  readonly #limits: SupervisorLimits;
  readonly #policy: RestartPolicy;
  /** Sessions that the app has open; it removes them with `markClosed`. */
  readonly #open = new Map<string, () => ReattachRequest>();
  #waiters: Waiter[] = [];
  #status: SupervisorStatus = STOPPED;
  #running: { stop: AbortController; done: Promise<void> } | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#policy = new RestartPolicy(this.#limits.restart);
    this.client = createSidecarClient({ endpoint: (signal) => this.#locate(signal) });
  }

  status(): SupervisorStatus {
    return this.#status;
  }

  markOpen(sessionId: string, request: () => ReattachRequest = () => ({})): void {
    this.#open.set(sessionId, request);
  }

  markClosed(sessionId: string): void {
    this.#open.delete(sessionId);
  }

  async start(): Promise<Endpoint> {
    if (this.#running?.stop.signal.aborted === true) await this.#running.done;
    if (this.#running === null) {
      this.#policy.clear();
      const stop = new AbortController();
      this.#running = { stop, done: this.#keepRunning(stop.signal) };
    }
    return await this.#whenReady();
  }

  async stop(): Promise<void> {
    if (this.#running === null) {
      this.#change(STOPPED);
      return;
    }
    if (!this.#running.stop.signal.aborted) {
      this.#change({ ...this.#status, state: 'stopping', endpoint: null });
      this.#running.stop.abort();
    }
    await this.#running.done;
  }

  /** Lives and pauses, until it is stopped or gives up. */
  async #keepRunning(stop: AbortSignal): Promise<void> {
    let end = await this.#live(stop);
    while (end.kind === 'crashed' && !stop.aborted) {
      const { problem, isFinal, readyMs } = end;
      if (readyMs >= this.#limits.stableMs) this.#policy.clear();
      const decision = this.#policy.crash(performance.now(), randomInt(1000) / 1000);
      if (isFinal || decision.kind === 'give-up') {
        this.#finish({ ...STOPPED, state: 'failed', problem });
        return;
      }
      this.#change({ ...STOPPED, state: 'backoff', problem });
      await wait(decision.afterMs, stop);
      if (!stop.aborted) end = await this.#live(stop);
    }
    this.#finish(STOPPED);
  }

  #live(stop: AbortSignal): Promise<LifeEnd> {
    const { problem } = this.#status;
    this.#change({ ...STOPPED, state: 'starting', problem });
    return runOnce({
      options: this.#options, limits: this.#limits, stop,
      events: {
        onSpawn: (pid) => this.#change({ ...this.#status, pid }),
        beforeReady: (client) => this.#reattach(client, stop),
        onReady: (endpoint, version) => {
          if (!stop.aborted) this.#becomeReady(endpoint, version);
        },
      },
    });
  }

  async #reattach(client: SidecarClient, stop: AbortSignal): Promise<void> {
    const bound = new AbortController();
    const end = (): void => bound.abort();
    const timer = setTimeout(end, this.#limits.reattachMs);
    stop.addEventListener('abort', end, { once: true });
    await Promise.all([...this.#open].map(async ([sessionId, request]) => {
      try {
        await client.reattach(sessionId, request(), { signal: bound.signal });
      } catch (error) {
        this.#options.onReattachFailure?.(sessionId, error);
      }
    }));
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
  }

  #becomeReady(endpoint: Endpoint, version: string): void {
    this.#change({ ...this.#status, state: 'ready', endpoint, version, problem: null });
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(endpoint);
  }

  #finish(status: SupervisorStatus): void {
    this.#running = null;
    this.#change(status);
    const problem = status.problem ?? { code: 'STOPPED', message: 'the sidecar was stopped', exitCode: null, stderr: '' };
    for (const waiter of this.#waiters.splice(0)) waiter.reject(new SupervisorError(problem));
  }

  #change(status: SupervisorStatus): void {
    this.#status = status;
    this.#options.onChange?.(status);
  }

  #whenReady(): Promise<Endpoint> {
    const { state, endpoint } = this.#status;
    if (state === 'ready' && endpoint !== null) return Promise.resolve(endpoint);
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject });
    });
  }

  async #locate(signal: AbortSignal | undefined): Promise<Endpoint> {
    if (this.#running === null) throw new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'the sidecar does not run' });
    if (this.#status.endpoint !== null) return this.#status.endpoint;
    const aborted = new Promise<never>((_resolve, reject) => {
      if (signal?.aborted === true) reject(new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'given up' }));
      signal?.addEventListener('abort', () => reject(new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'given up' })), { once: true });
    });
    try {
      return await Promise.race([this.#whenReady(), aborted]);
    } catch (cause) {
      throw new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'the sidecar does not run', cause });
    }
  }
}
