import { encodeFrame, isTerminalEvent } from '../../contracts/index.ts';
import type { StreamEvent } from '../../contracts/index.ts';
import type { FrameRow } from '../../store/index.ts';
import { comparePositions, formatFrameId } from './frame-id.ts';
import type { FramePosition } from './frame-id.ts';
import type { Subscriber } from './subscriber.ts';

interface KeptFrame extends FramePosition { turnId: string | null; text: string; terminal: boolean; saved: boolean }

/** What one session's stream holds in memory: the running turn, the last finished one, and the readers. */
export class SessionStream {
  readonly sessionId: string;
  readonly generation: number;
  readonly subscribers = new Map<Subscriber, { turnId: string | null }>();
  sequence = 0;
  runningTurn: string | null = null;
  lastFinishedTurn: string | null = null;
  #kept: KeptFrame[] = [];

  constructor(sessionId: string, generation: number) {
    this.sessionId = sessionId;
    this.generation = generation;
  }

  get position(): FramePosition {
    return { generation: this.generation, sequence: this.sequence };
  }

  /** Mints the next frame, keeps it and hands it to the readers. */
  append(turnId: string | null, event: StreamEvent): FrameRow {
    this.sequence += 1;
    const text = encodeFrame(formatFrameId(this.position), event);
    const terminal = turnId !== null && isTerminalEvent(event);
    if (event.type === 'start' && turnId !== null) this.#begin(turnId);
    this.#kept.push({ ...this.position, turnId, text, terminal, saved: false });
    for (const [subscriber, scope] of this.subscribers) {
      if (scope.turnId !== null && scope.turnId !== turnId) continue;
      subscriber.push(text);
      if (scope.turnId !== null && terminal) subscriber.finish();
    }
    if (terminal) this.#finish(turnId);
    return { session_id: this.sessionId, generation: this.generation, sequence: this.sequence, turn_id: turnId, frame: text, terminal };
  }

  /** Frames of a turn and of the session that are not in the store yet, as rows; marks them as saved. */
  takeUnsaved(turnId: string | null): FrameRow[] {
    const fresh = this.#kept.filter((frame) => (frame.turnId === turnId || frame.turnId === null) && !frame.saved);
    for (const frame of fresh) frame.saved = true;
    return fresh.map((frame) => ({
      session_id: this.sessionId, generation: frame.generation, sequence: frame.sequence, turn_id: frame.turnId, frame: frame.text,
      terminal: frame.terminal,
    }));
  }

  /** Undoes `takeUnsaved` when the transaction that carried the rows failed. */
  markUnsaved(rows: readonly FrameRow[]): void {
    const sequences = new Set(rows.map((row) => row.sequence));
    for (const frame of this.#kept) if (sequences.has(frame.sequence)) frame.saved = false;
  }

  /** Frames in memory after a position, in order. */
  after(position: FramePosition): KeptFrame[] {
    return this.#kept.filter((frame) => comparePositions(frame, position) > 0);
  }

  holds(position: FramePosition): boolean {
    if (comparePositions(position, this.position) === 0) return true;
    return this.#kept.some((frame) => comparePositions(frame, position) === 0);
  }

  framesOf(turnId: string): KeptFrame[] {
    return this.#kept.filter((frame) => frame.turnId === turnId);
  }

  #begin(turnId: string): void {
    this.runningTurn = turnId;
    this.#kept = this.#kept.filter((frame) => frame.turnId === this.lastFinishedTurn || frame.turnId === null).slice(-1_000);
  }

  #finish(turnId: string): void {
    this.runningTurn = null;
    this.lastFinishedTurn = turnId;
    this.#kept = this.#kept.filter((frame) => frame.turnId === turnId || frame.turnId === null).slice(-10_000);
  }
}
