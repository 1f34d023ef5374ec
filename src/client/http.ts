import { SidecarApiError } from './sidecar-api-error.ts';

/** Where the sidecar is; the token is absent in desktop mode. */
export interface Endpoint { url: string; token?: string | undefined }

export type Fetch = (input: string, init: RequestInit) => Promise<Response>;

export interface HttpOptions {
  /** Asked before each request, so that a restarted sidecar is found; may wait until one is ready. */
  endpoint: Endpoint | ((signal?: AbortSignal) => Endpoint | Promise<Endpoint>);
  fetch?: Fetch;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Call {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  query?: Query;
  /** Sent as JSON; `form` is sent as it is. */
  body?: unknown;
  form?: FormData;
  headers?: Readonly<Record<string, string | undefined>>;
  signal?: AbortSignal | undefined;
  /** Bound of the whole call; of the head only for `open`. */
  timeoutMs?: number;
}

/** Sends requests and tells failures as SidecarApiError. */
export interface Http {
  /** The answer's head, successful; the caller reads the body. */
  open(path: string, call?: Call): Promise<Response>;
  /** A JSON answer. Its shape is the contract's; unknown fields and values are kept, because a newer server may add them. */
  json<T>(path: string, call?: Call): Promise<T>;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/** Makes the requester of a client. */
export function createHttp(options: HttpOptions): Http {
  const send = options.fetch ?? ((input, init) => fetch(input, init));
  const locate = async (signal?: AbortSignal): Promise<Endpoint> =>
    (typeof options.endpoint === 'function' ? await options.endpoint(signal) : options.endpoint);

  const start = async (path: string, call: Call): Promise<Started> => {
    const { url, token } = await locate(call.signal);
    const bound = boundSignal(call.signal, call.timeoutMs ?? DEFAULT_TIMEOUT_MS);
    try {
      const response = await send(address(url, path, call.query), requestOf(call, token, bound.signal));
      if (!response.ok) throw await errorOf(response);
      return { response, bound };
    } catch (error) {
      bound.release();
      throw translate(error, bound, call.signal);
    }
  };

  return {
    async open(path, call = {}) {
      const { response, bound } = await start(path, call);
      bound.stopTimer();
      return response;
    },
    async json<T>(path: string, call: Call = {}): Promise<T> {
      const { response, bound } = await start(path, call);
      try {
        // The contract of the route is the proof of T; see the interface.
        return (response.status === 204 ? undefined : await response.json()) as T;
      } catch (error) {
        throw translate(error, bound, call.signal);
      } finally {
        bound.release();
      }
    },
  };
}

interface Bound { signal: AbortSignal; timedOut(): boolean; stopTimer(): void; release(): void }
interface Started { response: Response; bound: Bound }

/** Reads the body of an opened answer; a body that breaks off is a lost connection. */
export async function readBody<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  try {
    return await read();
  } catch (error) {
    throw signal?.aborted === true ? error : new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'the answer broke off', cause: error });
  }
}

function address(base: string, path: string, query: Query = {}): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    (value === undefined ? [] : [`${encodeURIComponent(name)}=${encodeURIComponent(String(value))}`]));
  return `${base.replace(/\/+$/, '')}${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`;
}

function requestOf(call: Call, token: string | undefined, signal: AbortSignal): RequestInit {
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  for (const [name, value] of Object.entries(call.headers ?? {})) if (value !== undefined) headers[name] = value;
  const request: RequestInit = { method: call.method ?? 'GET', headers, signal, redirect: 'error' };
  if (call.form !== undefined) return { ...request, body: call.form };
  if (call.body === undefined) return request;
  headers['content-type'] = 'application/json';
  return { ...request, body: JSON.stringify(call.body) };
}

async function errorOf(response: Response): Promise<SidecarApiError> {
  const text = await response.text().catch(() => '');
  try {
    const body: unknown = JSON.parse(text);
    if (typeof body === 'object' && body !== null && 'code' in body && 'detail' in body) {
      return new SidecarApiError(response.status, String(body.code), { detail: String(body.detail) });
    }
  } catch {
    // Not JSON: another program may be on this port.
  }
  return new SidecarApiError(response.status, 'ANSWER_INVALID', { detail: `unexpected answer ${response.status}` });
}

function translate(error: unknown, bound: Bound, signal: AbortSignal | undefined): unknown {
  if (error instanceof SidecarApiError) return error;
  if (bound.timedOut()) return new SidecarApiError(0, 'REQUEST_TIMEOUT', { detail: 'the sidecar did not answer in time', cause: error });
  if (signal?.aborted === true) return error;
  return new SidecarApiError(0, 'CONNECTION_LOST', { detail: 'the sidecar cannot be reached', cause: error });
}

/** The caller's signal plus a bound. After `stopTimer` the caller's signal still ends a body that is being read. */
function boundSignal(signal: AbortSignal | undefined, timeoutMs: number): Bound {
  const controller = new AbortController();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    controller.abort();
  }, timeoutMs);
  const follow = (): void => controller.abort(signal?.reason);
  if (signal?.aborted === true) follow();
  else signal?.addEventListener('abort', follow, { once: true });
  const stopTimer = (): void => clearTimeout(timer);
  return {
    signal: controller.signal,
    timedOut: () => isLate,
    stopTimer,
    release: () => {
      stopTimer();
      signal?.removeEventListener('abort', follow);
    },
  };
}
