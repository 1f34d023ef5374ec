import type { IncomingMessage, ServerResponse } from 'node:http';

const PREFLIGHT_HEADERS = {
  'access-control-allow-methods': 'GET, POST, PUT, DELETE',
  'access-control-allow-headers': 'authorization, content-type, if-match, last-event-id',
  'access-control-max-age': '600',
} as const;

/** Grants reading to an origin that the guard has admitted; never `*`, never credentials. */
export function grantOrigin(response: ServerResponse, origin: string): void {
  response.setHeader('access-control-allow-origin', origin);
  response.setHeader('access-control-expose-headers', 'etag, retry-after, x-request-id');
  response.setHeader('vary', 'origin');
}

/** Answers a preflight of an admitted origin; without an origin nothing is granted. */
export function answerPreflight(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.origin === undefined) return void response.writeHead(204).end();
  for (const [name, value] of Object.entries(PREFLIGHT_HEADERS)) response.setHeader(name, value);
  if (request.headers['access-control-request-private-network'] === 'true') {
    response.setHeader('access-control-allow-private-network', 'true');
  }
  response.writeHead(204).end();
}
