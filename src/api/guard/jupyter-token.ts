import type { IncomingMessage } from 'node:http';

/**
 * Credentials of a request as an `Authorization` value. Jupyter clients say `token <token>`, and where they cannot set headers they
 * put it into the query; both count below `/jupyter` only, the query on `GET` and upgrades only.
 */
export function authorizationOf({ headers, method, url = '' }: IncomingMessage): string | undefined {
  const { authorization } = headers;
  const [path = '', query = ''] = url.split('?', 2);
  if (path !== '/jupyter' && !path.startsWith('/jupyter/')) return authorization;
  if (authorization !== undefined) return authorization.replace(/^token /i, 'Bearer ');
  const token = method === 'GET' ? new URLSearchParams(query).get('token') : null;
  return token === null ? undefined : `Bearer ${token}`;
}
