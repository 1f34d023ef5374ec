import { request as httpRequest } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';

/** What came back, or how it failed. */
export interface WireExchange {
  /** 0 when no head came. */
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Sizes of the pieces as they arrived. */
  readonly pieces: readonly number[];
  /** The system's name of the failure, or null after a proper end. */
  readonly error: string | null;
  /** The failure in words; tells a reset (`read ECONNRESET`) from a closed socket (`socket hang up`) before the head. */
  readonly reason: string | null;
}

/** What to send; a string is sent as it is, anything else as JSON. */
export interface WireRequest {
  readonly url: string;
  readonly body: unknown;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

/** A bare POST: its own connection, no redirect, no retry, no decoding. Never rejects. */
export async function sendOnWire({ url, body, headers, signal }: WireRequest): Promise<WireExchange> {
  return await new Promise((resolve) => {
    const received: Buffer[] = [];
    let head: { status: number; headers: IncomingHttpHeaders } = { status: 0, headers: {} };
    const settle = (failure: NodeJS.ErrnoException | null) =>
      resolve({
        ...head,
        body: Buffer.concat(received).toString('utf8'),
        pieces: received.map((piece) => piece.length),
        error: failure === null ? null : (failure.code ?? failure.name),
        reason: failure?.message ?? null,
      });
    const request = httpRequest(url, { method: 'POST', headers, agent: false, signal }, (response) => {
      head = { status: response.statusCode ?? 0, headers: response.headers };
      response.on('data', (piece: Buffer) => received.push(piece));
      response.on('end', () => settle(null)).on('error', settle);
    });
    request.on('error', settle).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
}
