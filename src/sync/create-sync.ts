import type { BackendRow, OutboxRow } from '../store/index.ts';
import { tryParseBackendUrl } from './backend-url.ts';
import { deliver } from './delivery.ts';
import type { DeliveryOutcome } from './delivery.ts';
import { requeueSession } from './requeue.ts';
import { retryDelayMs } from './retry-rules.ts';
import type { Sync, SyncDeps, SyncStatus } from './sync-contract.ts';
import { systemTimers } from './timers.ts';
import { TokenBook, isHeaderToken } from './token-book.ts';

/** Sessions that are served at the same time; one session has one call at a time. */
const MAX_CALLS = 4;
/** How long sync rests when the store itself fails. */
const STORE_REST_MS = 30_000;

/** Starts sync over a store. Every backend waits for its first token, because tokens do not outlive the process. */
export function createSync(deps: SyncDeps): Sync {
  return new BackendSync(deps);
}

class BackendSync implements Sync {
  readonly #deps: Required<SyncDeps>;
  readonly #tokens = new TokenBook();
  readonly #stopping = new AbortController();
  /** Calls under way by session; each removes itself. */
  readonly #calls = new Map<string, Promise<void>>();
  /** Registrations by session since its last delivery, which removes the entry; a backend that forgets at once is asked ever later. */
  readonly #registrations = new Map<string, number>();
  #immediate: NodeJS.Immediate | null = null;
  #cancelWake = (): void => {};

  constructor(deps: SyncDeps) {
    this.#deps = { fetch: globalThis.fetch, timers: systemTimers, ...deps };
    const { backends } = this.#deps.store;
    this.#deps.store.transaction(() => {
      for (const origin of new Set(backends.all().map((row) => row.origin))) backends.pause({ origin }, 'token');
    });
  }

  setToken(sessionId: string, token: string): boolean {
    const { backends, transaction } = this.#deps.store;
    const backend = backends.get(sessionId);
    if (backend === null || backend.paused === 'backend_changed') return false; // A token is for the backend it came with.
    if (!isHeaderToken(token)) {
      this.#deps.log.warn({ sessionId }, 'a backend token that no header can carry is ignored');
      return false;
    }
    const { userHash, isUsable, isNew } = this.#tokens.put(backend.origin, token);
    // A person who signed in again may be let in, so a refusal stands only for the token that met it.
    const isReleased = (backend.paused === 'token' && isUsable) || (backend.paused === 'denied' && isNew);
    transaction(() => {
      backends.put({ ...backend, user_hash: userHash, paused: isReleased ? null : backend.paused });
      if (isUsable) backends.resume({ origin: backend.origin, userHash });
    });
    this.kick();
    return isNew;
  }

  kick(): void {
    if (this.#stopping.signal.aborted) return;
    this.#immediate ??= setImmediate(() => {
      this.#immediate = null;
      this.#pump();
    });
  }

  status(): SyncStatus {
    const { backends, outbox } = this.#deps.store;
    const waiting = backends.all().filter((row) => row.paused !== null && outbox.pendingOf(row.session_id) > 0);
    const reasons = new Set(waiting.map((row) => row.paused));
    const worst = (['backend_changed', 'denied', 'token'] as const).find((reason) => reasons.has(reason));
    return { ...outbox.summary(), paused_reason: worst ?? null };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelWake();
    if (this.#immediate !== null) clearImmediate(this.#immediate);
    await Promise.all(this.#calls.values());
  }

  /** Starts what is due and can be started, and sets the clock for the rest. */
  #pump(): void {
    if (this.#stopping.signal.aborted) return;
    this.#cancelWake();
    try {
      this.#startDue();
      if (this.#calls.size >= MAX_CALLS) return; // The next answer comes back here.
      const nextMs = this.#deps.store.outbox.nextDueAt(new Set(this.#calls.keys()));
      if (nextMs !== null) this.#wakeAfter(nextMs - this.#nowMs());
    } catch (error) {
      this.#deps.log.error({ error: String(error) }, 'sync could not read the outbox');
      this.#wakeAfter(STORE_REST_MS);
    }
  }

  #startDue(): void {
    const { backends, outbox } = this.#deps.store;
    for (const row of outbox.due(this.#nowMs(), MAX_CALLS + this.#calls.size)) {
      if (this.#calls.size >= MAX_CALLS) return;
      if (this.#calls.has(row.session_id)) continue;
      const backend = backends.get(row.session_id);
      if (backend !== null) this.#start(row, backend);
    }
  }

  #start(row: OutboxRow, backend: BackendRow): void {
    const { log, store } = this.#deps;
    if (tryParseBackendUrl(backend.url, this.#deps.backendOrigins) === null) {
      log.warn({ sessionId: row.session_id }, 'the backend of a session is no longer allowed');
      return store.backends.pause({ sessionId: row.session_id }, 'denied');
    }
    const found = this.#tokens.find(backend.origin, backend.user_hash ?? null);
    if (found === null) return store.backends.pause({ sessionId: row.session_id }, 'token');
    const call = this.#send(row, backend, found).finally(() => {
      this.#calls.delete(row.session_id);
      this.kick();
    });
    this.#calls.set(row.session_id, call);
  }

  /** Never rejects: it has no caller who could do more. */
  async #send(row: OutboxRow, backend: BackendRow, used: { token: string; userHash: string | null }): Promise<void> {
    const { clock, fetch, log, store, timers } = this.#deps;
    try {
      const parcel = { row, backend, token: used.token, session: () => store.sessions.get(row.session_id) };
      const outcome = await deliver({ clock, fetch, timers, signal: this.#stopping.signal }, parcel);
      if (this.#stopping.signal.aborted) return;
      store.transaction(() => this.#settle(row, backend, { outcome, used }));
    } catch (error) {
      log.error({ sessionId: row.session_id, error: String(error) }, 'sync could not store an answer');
      await this.#rest();
    }
  }

  /** Keeps a session from being sent while answers cannot be stored; ends early on stop. */
  async #rest(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#deps.timers.after(STORE_REST_MS, resolve);
    const { signal } = this.#stopping;
    const onStop = (): void => resolve();
    signal.addEventListener('abort', onStop, { once: true });
    await promise;
    signal.removeEventListener('abort', onStop);
    cancel();
  }

  #settle(row: OutboxRow, backend: BackendRow, { outcome, used }: { outcome: DeliveryOutcome; used: { token: string; userHash: string | null } }): void {
    const { log, store } = this.#deps;
    const facts = { sessionId: row.session_id, kind: row.kind, turnIndex: row.turn_index };
    switch (outcome.kind) {
      case 'sent':
        this.#registrations.delete(row.session_id);
        return store.outbox.done(row.id);
      case 'dead':
        log.error({ ...facts, error: outcome.error }, 'the backend refused a row for good');
        return store.outbox.bury(row.id, outcome.error);
      case 'retry':
        log.debug({ ...facts, error: outcome.error }, 'a row will be sent again');
        return this.#retryLater(row, outcome);
      case 'unauthorized':
        return this.#refuseToken(backend, used);
      case 'denied':
        log.warn(facts, 'the backend denied this session');
        return store.backends.pause({ sessionId: row.session_id }, 'denied');
      case 'registered':
        return this.#adopt(row.session_id, outcome.bid);
      case 'stopped':
        return;
      default:
        return outcome satisfies never;
    }
  }

  #retryLater(row: OutboxRow, { error, retryAfterMs }: { error: string; retryAfterMs: number | null }): void {
    const delayMs = retryDelayMs(row.attempts, this.#deps.random(), retryAfterMs);
    this.#deps.store.outbox.retry(row.id, { nextAtMs: this.#nowMs() + delayMs, error });
  }

  /** A token that was replaced while the call ran says nothing about its successor. */
  #refuseToken(backend: BackendRow, used: { token: string; userHash: string | null }): void {
    const { log, store } = this.#deps;
    this.#tokens.refuse(backend.origin, used.token);
    if (this.#tokens.find(backend.origin, backend.user_hash ?? null) !== null) return;
    log.info({ origin: backend.origin }, 'sync waits for a newer token');
    store.backends.pause({ origin: backend.origin, userHash: used.userHash }, 'token');
    store.backends.pause({ sessionId: backend.session_id }, 'token');
  }

  #adopt(sessionId: string, bid: string): void {
    const { clock, log, random, store } = this.#deps;
    const backend = store.backends.get(sessionId);
    if (backend === null) return;
    store.backends.put({ ...backend, bid });
    requeueSession(store, sessionId, clock.now().toISOString());
    const count = (this.#registrations.get(sessionId) ?? 0) + 1;
    this.#registrations.set(sessionId, count);
    log.info({ sessionId, count }, 'the session was registered at the backend and is sent again');
    const head = store.outbox.ofSession(sessionId)[0];
    if (count === 1 || head === undefined) return;
    store.outbox.retry(head.id, { nextAtMs: this.#nowMs() + retryDelayMs(count - 2, random(), null), error: 'HTTP_404' });
  }

  #wakeAfter(delayMs: number): void {
    this.#cancelWake = this.#deps.timers.after(Math.max(0, delayMs), () => this.#pump());
  }

  #nowMs(): number {
    return this.#deps.clock.now().getTime();
  }
}
