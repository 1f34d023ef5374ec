import type { Clock } from '../config/index.ts';
import { tryParseRetryAfter } from './retry-rules.ts';
import type { Timers } from './timers.ts';

const CALL_LIMIT_MS = 10_000;
const ANSWER_LIMIT_BYTES = 65_536;

export interface BackendCall { method: 'POST' | 'PUT'; url: string; token: string; body: unknown; readsAnswer: boolean }

/** How a call ended. `stopped` means that we are shutting down and nothing is known. */
export type BackendAnswer =
  | { kind: 'answered'; status: number; retryAfterMs: number | null; text: string }
  | { kind: 'failed'; reason: 'NETWORK' | 'TIMEOUT' }
  | { kind: 'stopped' };

export interface BackendClientDeps { fetch: typeof fetch; timers: Timers; clock: Clock; signal: AbortSignal }

/** Makes one call within 10 s. Never throws, follows no redirect, keeps nothing of an answer's text but what `readsAnswer` asks for. */
export async function callBackend(deps: BackendClientDeps, call: BackendCall): Promise<BackendAnswer> {
  const limit = new AbortController();
  const cancelLimit = deps.timers.after(CALL_LIMIT_MS, () => limit.abort());
  try {
    const response = await deps.fetch(call.url, {
      method: call.method,
      headers: { authorization: `Bearer ${call.token}`, 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(call.body),
      redirect: 'manual',
      signal: AbortSignal.any([deps.signal, limit.signal]),
    });
    const text = await readAnswer(response, call.readsAnswer);
    const retryAfterMs = tryParseRetryAfter(response.headers.get('retry-after'), deps.clock.now().getTime());
    return { kind: 'answered', status: response.status, retryAfterMs, text };
  } catch {
    // What went wrong may quote the address or a header, so only its kind is kept.
    if (deps.signal.aborted) return { kind: 'stopped' };
    return { kind: 'failed', reason: limit.signal.aborted ? 'TIMEOUT' : 'NETWORK' };
  } finally {
    cancelLimit();
  }
}

/** The start of an answer, up to `ANSWER_LIMIT_BYTES`; an answer that nobody asked for is dropped. */
async function readAnswer(response: Response, isWanted: boolean): Promise<string> {
  if (response.body === null) return '';
  if (!isWanted) {
    await response.body.cancel();
    return '';
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > ANSWER_LIMIT_BYTES) break; // Leaving the loop cancels the rest.
  }
  return Buffer.concat(chunks).toString('utf8');
}
