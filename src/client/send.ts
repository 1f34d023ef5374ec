import type { StreamEvent } from '../contracts/index.ts';
import type { NormalisedEvent } from './events.ts';
import { isTerminal, normaliseEvent } from './events.ts';
import { readFrames } from './event-stream.ts';
import type { Http } from './http.ts';
import { pause, reasonOf } from './pause.ts';
import { SidecarApiError, isConnectionLoss } from './sidecar-api-error.ts';

export interface SendOptions {
  /** Ends following; the turn itself runs on, see `cancel`. */
  signal?: AbortSignal | undefined;
  /** Makes a repeat join the same turn; one is made when it is absent. */
  clientTurnId?: string;
  /** How long a lost connection is sought again. */
  reconnectForMs?: number;
}

interface SendParts { http: Http; sessionId: string; message: string; readReport: (signal?: AbortSignal) => Promise<string>; options: SendOptions }

/** What is known of the turn while it is followed. */
interface Following { lastId: string | null; isResumed: boolean }

const RECONNECT_FOR_MS = 60_000;
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4000;

/**
 * Sends a message and delivers its turn. After a lost connection it resumes where it was; nothing is delivered twice or left out.
 * Ends after a terminal event, or after `stream_reset` when a crash erased the turn. Throws SidecarApiError for a refusal.
 */
export async function* sendMessage({ http, sessionId, message, readReport, options }: SendParts): AsyncGenerator<NormalisedEvent> {
  const { signal, clientTurnId = createTurnId(), reconnectForMs = RECONNECT_FOR_MS } = options;
  const path = `/api/session/${encodeURIComponent(sessionId)}`;
  const following: Following = { lastId: null, isResumed: false };
  const connect = (): Promise<Response> => (following.lastId === null
    // Nothing of the turn was seen: the same id joins it if it exists, and starts it if it does not.
    ? http.open(`${path}/message/stream`, { method: 'POST', body: { message, client_turn_id: clientTurnId }, signal })
    : http.open(`${path}/events`, { headers: { 'last-event-id': following.lastId }, signal }));

  let response = await connect();
  for (;;) {
    const ending = yield* deliver(response, following, { readReport, signal });
    if (ending === 'over') return;
    yield { type: 'reconnecting' };
    response = await reconnect(connect, reconnectForMs, signal);
    following.isResumed = true;
    yield { type: 'reconnected' };
  }
}

async function* deliver(
  response: Response, following: Following, context: { readReport: SendParts['readReport']; signal: AbortSignal | undefined },
): AsyncGenerator<NormalisedEvent, 'over' | 'lost'> {
  try {
    for await (const { id, event } of readFrames<StreamEvent>(response)) {
      if (id !== '') following.lastId = id;
      yield* normaliseEvent(event);
      if (event.type === 'complete') yield* memoUpdate(event.turn_index, context);
      if (isTerminal(event.type) || (following.isResumed && event.type === 'stream_reset')) return 'over';
    }
  } catch (error) {
    if (context.signal?.aborted === true) throw reasonOf(context.signal);
    if (!isConnectionLoss(error)) throw error;
  }
  return 'lost';
}

async function* memoUpdate(
  turnIndex: number, context: { readReport: SendParts['readReport']; signal: AbortSignal | undefined },
): AsyncGenerator<NormalisedEvent> {
  yield { type: 'memo_update', phase: 'start', turnIndex };
  yield { type: 'memo_update', phase: 'complete', turnIndex, report: await context.readReport(context.signal) };
}

/** Tries again with growing pauses while the failure is one of the connection; at least once. */
export async function reconnect(connect: () => Promise<Response>, forMs: number, signal?: AbortSignal): Promise<Response> {
  const until = performance.now() + forMs;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    try {
      return await connect();
    } catch (error) {
      if (!mayPass(error) || performance.now() + pauseMs > until) throw error;
    }
    await pause(pauseMs, signal);
  }
}

/** A sidecar that is gone, stopping or busy with too many listeners may answer a moment later. */
function mayPass(error: unknown): boolean {
  return isConnectionLoss(error)
    || (error instanceof SidecarApiError && ['REQUEST_TIMEOUT', 'SHUTTING_DOWN', 'TOO_MANY_SUBSCRIBERS'].includes(error.code));
}

function createTurnId(): string {
  // `randomUUID` is missing in pages that are not a secure context.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
