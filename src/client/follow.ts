import type { StreamEvent } from '../contracts/index.ts';
import type { ReceivedFrame } from './event-stream.ts';
import { readFrames } from './event-stream.ts';
import type { Http } from './http.ts';
import { isConnectionLoss } from './sidecar-api-error.ts';
import { reconnect } from './send.ts';

export interface FollowOptions { lastEventId?: string; signal?: AbortSignal | undefined; reconnectForMs?: number }

/** Follows all events of a session across turns, and goes on after a lost connection. Ends with the signal or when the session goes. */
export async function* followSession(http: Http, sessionId: string, options: FollowOptions = {}): AsyncGenerator<ReceivedFrame<StreamEvent>> {
  const { signal, reconnectForMs = 60_000 } = options;
  const position = { lastId: options.lastEventId };
  const connect = (): Promise<Response> =>
    http.open(`/api/session/${encodeURIComponent(sessionId)}/events`, { headers: { 'last-event-id': position.lastId }, signal });
  let response = await connect();
  for (;;) {
    try {
      yield* remember(readFrames<StreamEvent>(response), position);
    } catch (error) {
      if (signal?.aborted === true) return;
      if (!isConnectionLoss(error)) throw error;
    }
    if (signal?.aborted === true) return;
    response = await reconnect(connect, reconnectForMs, signal);
  }
}

async function* remember<T>(frames: AsyncIterable<ReceivedFrame<T>>, position: { lastId: string | undefined }): AsyncGenerator<ReceivedFrame<T>> {
  for await (const frame of frames) {
    if (frame.id !== '') position.lastId = frame.id;
    yield frame;
  }
}
