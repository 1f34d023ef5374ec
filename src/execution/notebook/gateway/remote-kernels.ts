import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Log } from '../../../config/index.ts';
import type { Store } from '../../../store/index.ts';
import type { GatewayClient } from './gateway-client.ts';
import { GatewayError } from './gateway-error.ts';
import type { GatewayTimes } from './gateway-times.ts';
import { RemoteLedger } from './remote-ledger.ts';
import type { RemoteKernel } from './remote-ledger.ts';

/** Attempts to end one kernel; with the longest pauses more than ten minutes. What is left then is ended at the next start. */
const ATTEMPTS = 30;
/** A start that was given up may still make a kernel for so long after its limit. */
const LATE_MS = 120_000;

export interface RemoteKernelsOptions {
  url: string;
  client: GatewayClient;
  facts: Store['facts'];
  clock: Clock;
  log: Log;
  times: GatewayTimes;
  /** Limit of a start. */
  readyMs: number;
}

/** Owns every kernel that was asked for on a gateway until the gateway has said that it is gone. */
export class RemoteKernels {
  readonly #options: RemoteKernelsOptions;
  readonly #ledger: RemoteLedger;
  readonly #leftovers: readonly RemoteKernel[];
  readonly #ending = new Map<string, { first: Promise<void>; all: Promise<void> }>(); // left when the gateway has let go, or after the attempts
  readonly #stop = new AbortController();

  constructor(options: RemoteKernelsOptions) {
    this.#options = options;
    this.#ledger = new RemoteLedger(options.facts);
    this.#leftovers = this.#ledger.of(options.url);
  }

  /** Asks for a kernel. It is noted first, so that it cannot be forgotten, whatever happens while the gateway works. */
  async start(wanted: string, environment: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string> {
    const { client, url, clock } = this.#options;
    const row = { id: wanted, url, isMade: false, askedAtMs: clock.now().getTime() };
    this.#ledger.put(row);
    try {
      const id = await client.start(wanted, environment, signal);
      if (id !== wanted) this.#ledger.remove(row);
      this.#ledger.put({ ...row, id, isMade: true });
      return id;
    } catch (error) {
      // A clear refusal made nothing; any other end may still make a kernel.
      if (error instanceof GatewayError && error.status >= 300 && error.status < 500) this.#ledger.remove(row);
      else void this.end(wanted);
      throw error;
    }
  }

  /** The gateway has said that it is gone. */
  forget(id: string): void {
    this.#ledger.remove({ id, url: this.#options.url });
  }

  /** Ends a kernel. Resolves after the first attempt; while the gateway does not let go, further ones follow by themselves. */
  async end(id: string): Promise<void> {
    const running = this.#ending.get(id) ?? this.#begin(id);
    await running.first;
  }

  /** Ends what an earlier process left on this gateway, in the background. */
  sweep(): void {
    if (this.#leftovers.length > 0) this.#options.log.info({ kernels: this.#leftovers.length }, 'kernels of an earlier process are ended on the gateway');
    for (const { id } of this.#leftovers) void this.end(id);
  }

  /** Waits a little for kernels that are being ended. */
  async stop(): Promise<void> {
    const limit = pause(this.#options.times.stopMs, undefined, { ref: false });
    await Promise.race([limit, Promise.all([...this.#ending.values()].map(({ first }) => first))]);
    this.#stop.abort();
    await Promise.race([limit, Promise.all([...this.#ending.values()].map(({ all }) => all))]);
  }

  #begin(id: string): { first: Promise<void>; all: Promise<void> } {
    const first = this.#attempt(id);
    const all = this.#goOn(id, first).finally(() => this.#ending.delete(id));
    const running = { first: first.then(() => undefined), all };
    this.#ending.set(id, running);
    return running;
  }

  async #goOn(id: string, first: Promise<boolean>): Promise<void> {
    const { firstPauseMs, longestPauseMs } = this.#options.times;
    let isGone = await first;
    for (let attempt = 1; !isGone && attempt < ATTEMPTS; attempt += 1) {
      const waitMs = Math.min(longestPauseMs, (firstPauseMs / 4) * 2 ** (attempt - 1));
      await pause(waitMs, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined); // Stopped: the ledger remembers.
      if (this.#stop.signal.aborted) return;
      isGone = await this.#attempt(id);
    }
    if (!isGone) this.#options.log.warn({ remoteKernel: id }, 'a kernel could not be ended on the gateway');
  }

  /** True = it is gone. A gateway that restarts a kernel by itself at this moment answers 500 and ends it later. */
  async #attempt(id: string): Promise<boolean> {
    const { client, url, clock, readyMs } = this.#options;
    try {
      const answer = await client.end(id);
      const row = this.#ledger.of(url).find((each) => each.id === id);
      if (answer === 'unknown' && row?.isMade === false && clock.now().getTime() - row.askedAtMs < readyMs + LATE_MS) return false;
      this.forget(id);
      return true;
    } catch (error) {
      this.#options.log.debug({ remoteKernel: id, error: String(error) }, 'a kernel was not ended on the gateway');
      return false;
    }
  }
}
