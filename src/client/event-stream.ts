import { createParser } from 'eventsource-parser';
import { SidecarApiError } from './sidecar-api-error.ts';

/** One frame: its id, and its object as the server sent it. */
export interface ReceivedFrame<T> { id: string; event: T }

/** The server sends something at least every 10 s; three missed heartbeats mean that the connection is dead. */
const SILENCE_MS = 35_000;
const MAX_FRAME_CHARACTERS = 8 * 1024 * 1024;

/**
 * Reads the frames of an SSE answer until its body ends. Throws CONNECTION_LOST when it breaks off or falls silent.
 * Leaving the loop closes the connection.
 */
export async function* readFrames<T extends { type: string }>(response: Response, silenceMs = SILENCE_MS): AsyncGenerator<ReceivedFrame<T>> {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).getReader();
  const decoder = new TextDecoder();
  const frames: ReceivedFrame<T>[] = [];
  let pending = 0;
  const parser = createParser({
    onEvent: ({ id = '', data }) => {
      pending = 0;
      const event = parseObject(data);
      // The contract is the proof of T; unknown types are passed on as they are.
      if (event !== null) frames.push({ id, event: event as T });
    },
  });
  try {
    for (;;) {
      const { done, value } = await readWithin(reader, silenceMs);
      if (done) return;
      const text = decoder.decode(value, { stream: true });
      pending += text.length;
      if (pending > MAX_FRAME_CHARACTERS) throw new SidecarApiError(0, 'ANSWER_INVALID', { detail: 'a frame does not end' });
      parser.feed(text);
      yield* frames.splice(0);
    }
  } finally {
    // Cancelling a body that broke off rejects with the break itself, which was thrown already.
    await reader.cancel().catch(() => undefined);
  }
}

function parseObject(data: string): { type: string } | null {
  try {
    const value: unknown = JSON.parse(data);
    return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string' ? { ...value, type: value.type } : null;
  } catch {
    return null; // One unreadable frame must not end a turn; its id is passed by the next one.
  }
}

async function readWithin(reader: ReadableStreamDefaultReader<Uint8Array>, silenceMs: number): Promise<ReadableStreamReadResult<Uint8Array>> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'the stream fell silent' })), silenceMs);
  });
  try {
    return await Promise.race([reader.read(), silence]);
  } catch (error) {
    throw error instanceof SidecarApiError ? error : new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'the stream broke off', cause: error });
  } finally {
    clearTimeout(timer);
  }
}
