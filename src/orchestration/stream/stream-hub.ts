import { LIMITS, SidecarError, encodeFrame } from '../../contracts/index.ts';
import type { StreamEvent } from '../../contracts/index.ts';
import type { FrameRow, Store } from '../../store/index.ts';
import { endedEvent } from './ended-turn.ts';
import { comparePositions, formatFrameId, tryParseFrameId } from './frame-id.ts';
import type { FramePosition } from './frame-id.ts';
import { SessionStream } from './session-stream.ts';
import type { StreamHub, Subscription } from './stream-contract.ts';
import { Subscriber } from './subscriber.ts';

/** Idle streams beyond this number leave memory; their next frame opens a new generation. */
const MAX_LOADED_STREAMS = 2_000;

/** The hub as the engine sees it: it can also save a turn's frames with the turn. */
export interface TurnStreamHub extends StreamHub {
  /** Rows of a turn's frames that are not stored yet; the caller stores them in its transaction. */
  takeUnsaved(sessionId: string, turnId: string): FrameRow[];
  /** Gives rows back whose transaction failed. */
  returnUnsaved(sessionId: string, rows: readonly FrameRow[]): void;
  /** From now on frames of this turn are stored as they are emitted. */
  keepSaving(turnId: string): void;
}

export interface StreamHubDeps { store: Store; onStoreError(error: unknown): void }

/** Creates the hub over the store. */
export function createStreamHub(deps: StreamHubDeps): TurnStreamHub {
  return new SessionStreamHub(deps);
}

/** Holds the streams in use; the map is bounded by `MAX_LOADED_STREAMS` and emptied by `reset` and `close`. */
class SessionStreamHub implements TurnStreamHub {
  readonly #deps: StreamHubDeps;
  readonly #streams = new Map<string, SessionStream>();
  /** Turns whose frames are stored at once: from their commit to their terminal frame. */
  readonly #durableTurns = new Set<string>();
  #sessionReaders = 0;
  #closed = false;

  constructor(deps: StreamHubDeps) {
    this.#deps = deps;
  }

  emit(sessionId: string, turnId: string | null, event: StreamEvent): void {
    const stream = this.#load(sessionId);
    if (stream.sequence === 0) this.#deps.store.sessions.setGeneration(sessionId, stream.generation);
    const row = stream.append(turnId, event);
    // A frame of the session between those of a running turn is as lasting as the turn: who saw it must hear of a crash.
    const owner = turnId ?? stream.runningTurn;
    if (owner === null || this.#durableTurns.has(owner)) this.#save(stream.takeUnsaved(owner));
    else if (row.terminal) this.#save(stream.takeUnsaved(null));
    if (row.terminal && turnId !== null) this.#durableTurns.delete(turnId);
  }

  followTurn(sessionId: string, turnId: string): Subscription {
    const stream = this.#load(sessionId);
    this.#refuseTooMany(stream, false);
    const inMemory = stream.framesOf(turnId).map((frame) => frame.text);
    const isRunning = stream.runningTurn === turnId;
    const replay = inMemory.length > 0 || isRunning ? inMemory : this.#storedReplay(stream, turnId);
    const subscription = this.#attach(stream, { turnId }, replay);
    if (!isRunning) subscription.close();
    return subscription;
  }

  follow(sessionId: string, lastEventId: string | null): Subscription {
    const stream = this.#load(sessionId);
    this.#refuseTooMany(stream, true);
    return this.#attach(stream, { turnId: null }, this.#replayFor(stream, lastEventId));
  }

  reset(sessionId: string, event: StreamEvent | null): void {
    const stream = this.#streams.get(sessionId);
    if (event !== null) this.emit(sessionId, null, event);
    this.#streams.delete(sessionId);
    for (const subscriber of stream?.subscribers.keys() ?? []) subscriber.finish();
  }

  close(): void {
    this.#closed = true;
    for (const stream of this.#streams.values()) {
      for (const [subscriber, scope] of stream.subscribers) {
        if (scope.turnId === null) subscriber.push(encodeFrame(formatFrameId(stream.position), { type: 'server_shutdown' }));
        subscriber.finish();
      }
    }
    this.#streams.clear();
  }

  takeUnsaved(sessionId: string, turnId: string): FrameRow[] {
    return this.#load(sessionId).takeUnsaved(turnId);
  }

  returnUnsaved(sessionId: string, rows: readonly FrameRow[]): void {
    this.#load(sessionId).markUnsaved(rows);
  }

  keepSaving(turnId: string): void {
    this.#durableTurns.add(turnId);
  }

  #load(sessionId: string): SessionStream {
    const known = this.#streams.get(sessionId);
    if (known !== undefined) return known;
    const stored = this.#deps.store.sessions.get(sessionId)?.generation ?? 0;
    const stream = new SessionStream(sessionId, stored + 1);
    if (this.#streams.size >= MAX_LOADED_STREAMS) this.#evictIdle();
    this.#streams.set(sessionId, stream);
    return stream;
  }

  #evictIdle(): void {
    for (const [sessionId, stream] of this.#streams) {
      if (stream.subscribers.size > 0 || stream.runningTurn !== null) continue;
      this.#streams.delete(sessionId);
      return;
    }
  }

  #save(rows: readonly FrameRow[]): void {
    try {
      this.#deps.store.frames.append(rows);
    } catch (error) {
      this.#deps.onStoreError(error); // The frame was delivered; it only cannot be resumed after a restart.
    }
  }

  #attach(stream: SessionStream, scope: { turnId: string | null }, replay: readonly string[]): Subscriber {
    const isSessionReader = scope.turnId === null;
    const subscriber = new Subscriber({
      replay,
      closed: this.#closed,
      maxFrames: LIMITS.backlog_frames,
      maxBytes: LIMITS.backlog_bytes,
      onClose: (gone) => {
        if (stream.subscribers.delete(gone) && isSessionReader) this.#sessionReaders -= 1;
      },
    });
    if (this.#closed) return subscriber;
    stream.subscribers.set(subscriber, scope);
    if (isSessionReader) this.#sessionReaders += 1;
    return subscriber;
  }

  #refuseTooMany(stream: SessionStream, isSessionReader: boolean): void {
    const isFull = stream.subscribers.size >= LIMITS.subscribers_per_session
      || (isSessionReader && this.#sessionReaders >= LIMITS.subscribers_total);
    if (isFull) throw new SidecarError('TOO_MANY_SUBSCRIBERS', 'subscriber limit reached', { retryAfterSeconds: 5 });
  }

  #replayFor(stream: SessionStream, lastEventId: string | null): readonly string[] {
    if (lastEventId === null) {
      return stream.runningTurn === null ? [] : stream.framesOf(stream.runningTurn).map((frame) => frame.text);
    }
    const position = tryParseFrameId(lastEventId);
    const kept = position === null ? null : this.#framesAfter(stream, position);
    if (kept !== null) return kept;
    const turnIndex = this.#deps.store.sessions.get(stream.sessionId)?.state.turn_index ?? 0;
    return [encodeFrame(formatFrameId(stream.position), { type: 'stream_reset', reason: 'unknown_event_id', turn_index: turnIndex })];
  }

  /** Memory lacks older committed turns, the store lacks running and failed ones; frames of the session itself stand between both. */
  #framesAfter(stream: SessionStream, position: FramePosition): readonly string[] | null {
    const stored = this.#deps.store.frames.after(stream.sessionId, position.generation, position.sequence);
    if (stored === null && !stream.holds(position)) return null;
    const inMemory = stream.after(position);
    const ids = new Set(inMemory.map((frame) => formatFrameId(frame)));
    const older = (stored ?? []).filter((row) => !ids.has(formatFrameId(row))).map((row) => ({ ...row, text: row.frame }));
    return [...older, ...inMemory].toSorted(comparePositions).map((frame) => frame.text);
  }

  /** A turn that is over without a kept frame still has an end to tell. */
  #storedReplay(stream: SessionStream, turnId: string): readonly string[] {
    const { frames, turns, sessions } = this.#deps.store;
    const stored = frames.ofTurn(turnId);
    if (stored.length > 0) return stored.map((row) => row.frame);
    const turn = turns.get(turnId);
    const session = sessions.get(stream.sessionId);
    if (session === null || turn === null || turn.end === null) return [];
    return [encodeFrame(formatFrameId(stream.position), endedEvent(turn, session))];
  }
}
