import type { IncomingMessage, ServerResponse } from 'node:http';
import { LIMITS, ROUTES, SidecarError } from '../../contracts/index.ts';
import type { RouteAuth } from '../../contracts/index.ts';
import { answerPreflight, grantOrigin } from './cors.ts';
import { authorizationOf } from './jupyter-token.ts';
import { createOriginRule, isElectron } from './origin-rule.ts';
import type { OriginRuleOptions } from './origin-rule.ts';
import { STATIC_ROUTE, createRouteMatcher } from './route-class.ts';
import type { RouteMatch } from './route-class.ts';
import { createTokenRule } from './token-rule.ts';
import type { TokenState } from './token-rule.ts';

export interface GuardOptions extends OriginRuleOptions {
  token: string;
  /** `host:port` values that name this server, lower case; known once it listens. */
  hosts: () => ReadonlySet<string>;
}

/** What the guard found out about an admitted request. */
export interface Admission { tokenState: TokenState; match: RouteMatch }

const countOf = (request: IncomingMessage, name: string): number =>
  request.rawHeaders.filter((header, index) => index % 2 === 0 && header.toLowerCase() === name).length;

function checkForm(request: IncomingMessage): void {
  const target = request.url ?? '';
  // A fragment is never sent; the router would cut it off, so that guard and router would see two paths.
  const isOriginForm = target.startsWith('/') && !target.startsWith('//') && !target.includes('#');
  const hasTwoLengths = request.headers['content-length'] !== undefined && request.headers['transfer-encoding'] !== undefined;
  if (!isOriginForm || countOf(request, 'host') !== 1 || countOf(request, 'origin') > 1 || hasTwoLengths) {
    throw new SidecarError('BAD_REQUEST', 'request form');
  }
  if (target.length > LIMITS.url_bytes) throw new SidecarError('BAD_REQUEST', 'request target too long');
}

/** Path of a request target, without its query. */
export function pathOf(target: string): string {
  const end = target.indexOf('?');
  return end < 0 ? target : target.slice(0, end);
}

/**
 * Form, Host, Origin, preflight, token: in this order, before routing and before any body byte is read.
 * Returns null when it has answered (a preflight); throws SidecarError to refuse.
 */
export function createGuard(options: GuardOptions) {
  const origins = createOriginRule(options);
  const readToken = createTokenRule(options.token);
  const matchRoute = createRouteMatcher([...ROUTES, STATIC_ROUTE]);

  const isOpenInDesktopMode = ({ headers }: IncomingMessage): boolean => {
    if (options.mode !== 'desktop') return false;
    const { origin } = headers;
    const isProgram = origin === undefined && headers['sec-fetch-site'] === undefined;
    const isDesktop = isElectron(headers['user-agent']) && (origin === undefined || origins.isDesktopOrigin(origin, headers['user-agent']));
    return isProgram || isDesktop;
  };

  const checkToken = (request: IncomingMessage, match: RouteMatch): TokenState => {
    const state = readToken(authorizationOf(request));
    const routeClass: RouteAuth = match.kind === 'route' ? match.auth : 'token';
    if (state === 'valid' || routeClass === 'none') return state;
    if (state === 'none' && routeClass === 'open' && isOpenInDesktopMode(request)) return state;
    throw new SidecarError('TOKEN_REQUIRED', 'no or wrong token');
  };

  return {
    admit(request: IncomingMessage, response: ServerResponse): Admission | null {
      checkForm(request);
      const { host = '', origin } = request.headers;
      if (!options.hosts().has(host.toLowerCase())) throw new SidecarError('HOST_NOT_ALLOWED', 'host not in the list');
      if (!origins.allows(origin, request.headers['user-agent'])) throw new SidecarError('ORIGIN_NOT_ALLOWED', 'origin not in the list');
      if (origin !== undefined) grantOrigin(response, origin);
      if (request.method === 'OPTIONS') {
        answerPreflight(request, response);
        return null;
      }
      const match = matchRoute(request.method ?? '', pathOf(request.url ?? ''));
      return { tokenState: checkToken(request, match), match };
    },
  };
}

export type Guard = ReturnType<typeof createGuard>;
