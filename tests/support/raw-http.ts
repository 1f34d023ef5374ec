import { connect } from 'node:net';

/** An answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number;
  /** Lower-case names in the order they came; repeated ones stay apart. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: string;
  /** True when the server ended the connection before the wait was over. */
  readonly closed: boolean;
  header(name: string): string | undefined;
  json(): any;
}

export interface RawRequest {
  readonly port: number;
  readonly method?: string;
  readonly target?: string;
  /** Sent as they are, besides `Host` and `Connection: close`; a `host` here replaces ours, null leaves it out. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly host?: string | null;
  readonly body?: string | Buffer;
}

const DEFAULT_BOUND_MS = 30_000;

/** Sends one request without any client library in between. A body gets its length unless a header names one. */
export async function rawRequest({ port, method = 'GET', target = '/', headers = {}, host, body }: RawRequest): Promise<RawAnswer> {
  const lines = [`${method} ${target} HTTP/1.1`];
  if (host !== null) lines.push(`Host: ${host ?? `127.0.0.1:${port}`}`);
  for (const [name, values] of Object.entries(headers)) {
    for (const value of typeof values === 'string' ? [values] : values) lines.push(`${name}: ${value}`);
  }
  const names = Object.keys(headers).map((name) => name.toLowerCase());
  if (body !== undefined && !names.includes('content-length') && !names.includes('transfer-encoding')) {
    lines.push(`Content-Length: ${Buffer.byteLength(body)}`);
  }
  if (!names.includes('connection')) lines.push('Connection: close');
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return await sendBytes(port, [head, Buffer.from(body ?? '')], { isHead: method === 'HEAD' });
}

/** Sends bytes as they are and reads one answer; resolves early on an event stream, once its head is there. */
export async function sendBytes(
  port: number, pieces: readonly (string | Buffer)[], { isHead = false, boundMs = DEFAULT_BOUND_MS } = {},
): Promise<RawAnswer> {
  const socket = connect({ port, host: '127.0.0.1' });
  let text = '';
  let closed = false;
  try {
    return await new Promise((resolve, reject) => {
      const settle = (): void => {
        const answer = parse(text, closed);
        if (answer === null) reject(new Error(`the connection ended without an answer: ${JSON.stringify(text.slice(0, 200))}`));
        else resolve(answer);
      };
      const timer = setTimeout(() => reject(new Error(`no whole answer in ${boundMs} ms: ${JSON.stringify(text.slice(0, 300))}`)), boundMs);
      socket.setEncoding('latin1');
      socket.on('data', (chunk: string) => {
        text += chunk;
        if (isWhole(text, isHead)) settle();
      });
      socket.once('close', () => {
        clearTimeout(timer);
        closed = true;
        settle();
      });
      socket.on('error', () => undefined); // a reset after the answer; `close` follows
      for (const piece of pieces) socket.write(piece);
    });
  } finally {
    socket.destroy();
  }
}

function parse(text: string, closed: boolean): RawAnswer | null {
  const end = text.indexOf('\r\n\r\n');
  const match = /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n/.exec(text);
  if (end < 0 || match === null) return null;
  const headers = text.slice(match[0].length, end).split('\r\n').filter((line) => line !== '').map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const raw = text.slice(end + 4);
  const isChunked = headers.some(([name, value]) => name === 'transfer-encoding' && value === 'chunked');
  const body = Buffer.from(isChunked ? unchunk(raw) : raw, 'latin1').toString('utf8');
  return {
    status: Number(match[1]), headers, body, closed,
    header: (name) => headers.find(([known]) => known === name)?.[1],
    json: () => JSON.parse(body),
  };
}

function isWhole(text: string, isHead: boolean): boolean {
  const answer = parse(text, false);
  if (answer === null || answer.status === 100) return false;
  if (isHead || answer.status === 204 || answer.header('content-type')?.startsWith('text/event-stream') === true) return true;
  const length = answer.header('content-length');
  if (length !== undefined) return text.length - text.indexOf('\r\n\r\n') - 4 >= Number(length);
  return text.endsWith('0\r\n\r\n');
}

function unchunk(raw: string): string {
  let rest = raw;
  let body = '';
  for (;;) {
    const match = /^([0-9a-f]+)\r\n/i.exec(rest);
    if (match === null) return body;
    const size = Number.parseInt(match[1]!, 16);
    if (size === 0) return body;
    body += rest.slice(match[0].length, match[0].length + size);
    rest = rest.slice(match[0].length + size + 2);
  }
}
