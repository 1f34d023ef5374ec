// The only module that talks to the server. The token lives in this closure and nowhere else.
import { readEvents } from './sse.js';

/** A refusal of the server, or none at all (`code` OFFLINE). Branch on `code`, show `message`. */
export class ApiError extends Error {
  constructor({ status, code, detail }) {
    super(detail);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
  }
}

const isAbort = (error) => error instanceof DOMException && error.name === 'AbortError';

async function refusal(response) {
  const body = await response.json().catch(() => ({}));
  return new ApiError({ status: response.status, code: body.code ?? `HTTP_${response.status}`, detail: body.detail ?? body.message ?? `The server answered ${response.status}.` });
}

/** Calls of the server with one token. */
export function createApi(token) {
  const send = async (method, path, { body, headers = {}, signal } = {}) => {
    const isForm = body instanceof FormData;
    let response;
    try {
      response = await fetch(path, {
        method, signal, cache: 'no-store',
        headers: { authorization: `Bearer ${token}`, ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }), ...headers },
        body: body === undefined || isForm ? body : JSON.stringify(body),
      });
    } catch (error) {
      if (isAbort(error)) throw error;
      throw new ApiError({ status: 0, code: 'OFFLINE', detail: 'The server does not answer.' });
    }
    if (!response.ok) throw await refusal(response);
    return response;
  };
  const json = async (method, path, options) => {
    const response = await send(method, path, options);
    return response.status === 204 ? null : await response.json();
  };
  return {
    get: (path) => json('GET', path),
    post: (path, body) => json('POST', path, { body }),
    remove: (path) => json('DELETE', path),
    put: (path, body, headers) => json('PUT', path, { body, headers }),
    /** The body together with its `etag`. */
    async getTagged(path) {
      const response = await send('GET', path);
      return { body: await response.json(), etag: response.headers.get('etag') };
    },
    async blob(path) {
      return await (await send('GET', path)).blob();
    },
    upload(path, files) {
      const form = new FormData();
      for (const file of files) form.append('files', file);
      return json('POST', path, { body: form });
    },
    /** Streams events until the body ends; a broken connection rejects with OFFLINE. */
    async stream(method, path, { body, lastId, signal, onOpen, onEvent }) {
      const headers = lastId === undefined ? {} : { 'last-event-id': lastId };
      const response = await send(method, path, { body, headers, signal });
      onOpen?.();
      try {
        await readEvents(response.body, onEvent);
      } catch (error) {
        if (isAbort(error)) throw error;
        throw new ApiError({ status: 0, code: 'OFFLINE', detail: 'The connection was lost.' });
      }
    },
  };
}

/** The path of a session's route. */
export const sessionPath = (sessionId, rest = '') => `/api/session/${encodeURIComponent(sessionId)}${rest}`;

/** The path of a workspace file; the slashes between folders stay. */
export const filePath = (sessionId, name) => sessionPath(sessionId, `/workspace/files/${name.split('/').map(encodeURIComponent).join('/')}`);

const pause = (ms, signal) => new Promise((resolve) => {
  const timer = setTimeout(resolve, ms);
  signal.addEventListener('abort', () => { clearTimeout(timer); resolve(); }, { once: true });
});

const RETRY_MS = [300, 1000, 2000, 4000, 8000];

/**
 * Follows a session's events until `signal` ends it: reconnects with the last seen id, so that nothing is missed or doubled.
 * `onState` hears `live`, `lost` and, when the server refuses for good, the error.
 */
export async function followSession({ api, sessionId, gate, signal, onEvent, onState }) {
  let failures = 0;
  while (!signal.aborted) {
    try {
      await api.stream('GET', sessionPath(sessionId, '/events'), {
        lastId: gate.lastId, signal,
        onOpen: () => { failures = 0; onState('live'); },
        onEvent: ({ id, event }) => { if (gate.admit(id, event.type)) onEvent(event); },
      });
    } catch (error) {
      if (signal.aborted) return;
      if (error.status >= 400 && error.status < 500 && error.status !== 429) {
        onState('refused', error);
        return;
      }
    }
    if (signal.aborted) return;
    onState('lost');
    await pause(RETRY_MS[Math.min(failures, RETRY_MS.length - 1)], signal);
    failures += 1;
  }
}
