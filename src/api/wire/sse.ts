import type { ServerResponse } from 'node:http';
import { LIMITS } from '../../contracts/index.ts';

/** A source of encoded frames with an end; `dropped` tells that the reader was given up for lagging. */
export interface FrameSource extends AsyncDisposable { readonly frames: AsyncIterable<string>; readonly dropped: AbortSignal }

/** Head of every stream of events. */
export const SSE_HEADERS = { 'content-type': 'text/event-stream; charset=utf-8', 'x-accel-buffering': 'no' } as const;

/** Resolves when the text is accepted, or when the reader is gone. Never hangs, never throws. */
export async function writeText(response: ServerResponse, text: string): Promise<'sent' | 'gone'> {
  if (response.destroyed || response.writableEnded) return 'gone';
  if (response.write(text)) return 'sent';
  return await new Promise((resolve) => {
    const settle = (result: 'sent' | 'gone') => () => {
      response.off('drain', onDrain).off('close', onClose);
      resolve(result);
    };
    const onDrain = settle('sent');
    const onClose = settle('gone');
    response.once('drain', onDrain).once('close', onClose);
  });
}

/**
 * Streams frames until the source ends or the reader leaves; a comment keeps a quiet connection alive.
 * Rejects when the source fails; the connection is then cut, so that nobody takes the end for a proper one.
 */
export async function streamFrames(response: ServerResponse, source: FrameSource, options: { retryMs?: number } = {}): Promise<void> {
  await using _owned = source;
  response.writeHead(200, SSE_HEADERS);
  response.flushHeaders();
  const heartbeat = setInterval(() => {
    if (!response.writableNeedDrain) response.write(': ping\n\n');
  }, LIMITS.heartbeat_ms);
  const giveUp = (): void => { response.destroy(); };
  const leave = (): void => { void source[Symbol.asyncDispose](); };
  source.dropped.addEventListener('abort', giveUp, { once: true });
  response.once('close', leave);
  let isWhole = false;
  try {
    if (options.retryMs !== undefined) await writeText(response, `retry: ${options.retryMs}\n\n`);
    for await (const frame of source.frames) {
      heartbeat.refresh();
      if (await writeText(response, frame) === 'gone') return;
    }
    isWhole = true;
  } finally {
    clearInterval(heartbeat);
    source.dropped.removeEventListener('abort', giveUp);
    response.off('close', leave);
    if (isWhole) response.end();
    else response.destroy();
  }
}
