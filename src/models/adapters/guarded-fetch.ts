import type { AdapterCall } from '../adapter-port.ts';
import { UpstreamError } from '../upstream-error.ts';
import { shapeBody } from './shape-body.ts';
import type { WireWatch } from './wire-watch.ts';

const MAX_REPLY_BYTES = 16 * 1024 * 1024;
const MAX_ERROR_BYTES = 64 * 1024;

/**
 * A fetch for one call: it goes to the endpoint's own address with the endpoint's own key whatever the library asks for,
 * follows no redirect, reads a bounded reply, and reports the bytes.
 */
export function createGuardedFetch(call: AdapterCall, watch: WireWatch): typeof fetch {
  return async (_input, init) => {
    const body = shapeBody(JSON.parse(String(init?.body)) as Record<string, unknown>, call);
    const response = await fetch(call.endpoint.url, {
      method: 'POST', headers: headersFor(call), body: JSON.stringify(body), redirect: 'manual', signal: init?.signal ?? null,
    });
    if (!response.ok) throw await failedStatus(response);
    const contentType = response.headers.get('content-type') ?? '';
    if (/text\/html|application\/json/i.test(contentType)) throw await notAStream(response, contentType);
    if (response.body === null) throw new UpstreamError({ kind: 'cut' });
    return new Response(counted(response.body, call, watch), { status: 200, headers: { 'content-type': 'text/event-stream' } });
  };
}

function headersFor({ endpoint }: AdapterCall): Record<string, string> {
  const common = { 'content-type': 'application/json', accept: 'text/event-stream', 'user-agent': 'sidecar' };
  if (endpoint.provider === 'anthropic') return { ...common, 'anthropic-version': '2023-06-01', 'x-api-key': endpoint.apiKey ?? '' };
  return { ...common, ...(endpoint.apiKey === null ? {} : { authorization: `Bearer ${endpoint.apiKey}` }) };
}

async function failedStatus(response: Response): Promise<UpstreamError> {
  const text = await readBounded(response);
  return new UpstreamError({ kind: 'status', status: response.status, headers: Object.fromEntries(response.headers), text });
}

// A sign-in page of a network, or a server that does not stream; an error object is read as what it says.
async function notAStream(response: Response, contentType: string): Promise<UpstreamError> {
  const text = await readBounded(response);
  if (/json/i.test(contentType) && /"error"/.test(text)) return new UpstreamError({ kind: 'reported', text });
  return new UpstreamError({ kind: 'unreadable', what: /html/i.test(contentType) ? 'a web page' : 'an answer that is not streamed' });
}

async function readBounded(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const piece of response.body ?? []) {
      pieces.push(piece);
      size += piece.byteLength;
      if (size >= MAX_ERROR_BYTES) break;
    }
  } catch {
    // The status is known; a body that breaks off adds nothing to it.
  }
  return Buffer.concat(pieces).subarray(0, MAX_ERROR_BYTES).toString('utf8');
}

/** The same bytes, reported as they pass. One reader in place of a transform: that would queue every piece twice more. */
function counted(body: ReadableStream<Uint8Array>, call: AdapterCall, watch: WireWatch): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  let size = 0;
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) return controller.close();
      size += value.byteLength;
      if (size > MAX_REPLY_BYTES) {
        void reader.cancel().catch(() => undefined); // What it says then is not news: the reply is refused already.
        throw new UpstreamError({ kind: 'unreadable', what: 'more than a reply may hold' });
      }
      call.onActivity();
      watch.seeBytes(value);
      controller.enqueue(value);
    },
    cancel: async (reason) => await reader.cancel(reason),
  }, { highWaterMark: 0 });
}
