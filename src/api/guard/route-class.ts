import type { HttpMethod, RouteAuth, RouteContract } from '../../contracts/index.ts';

/** What a path means before routing: a route of the table, a known path with another method, or nothing. */
export type RouteMatch = { kind: 'route'; auth: RouteAuth; route: RouteContract } | { kind: 'other-method'; methods: readonly HttpMethod[] } | { kind: 'unknown' };

/** Files of the pages; served, but not part of the contract. */
export const STATIC_ROUTE: RouteContract = {
  method: 'GET', path: '/assets/{filename}', auth: 'none', source: 'new', stability: 'stable', tag: 'pages', summary: 'Files of the pages',
  answerKind: 'page',
};

interface Pattern { route: RouteContract; expression: RegExp }

function toExpression(path: string): RegExp {
  const body = path.split('/').map((segment) => {
    if (segment === '{filename}') return '.+';
    if (segment.startsWith('{')) return '[^/]+';
    return segment.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  });
  return new RegExp(`^${body.join('/')}$`);
}

/** Matches raw request paths against the route table, exactly and case-sensitively; `HEAD` counts as `GET`. */
export function createRouteMatcher(routes: readonly RouteContract[]): (method: string, path: string) => RouteMatch {
  const patterns: Pattern[] = routes.map((route) => ({ route, expression: toExpression(route.path) }));
  return (method, path) => {
    const wanted = (method === 'HEAD' ? 'GET' : method) as HttpMethod; // proof: only compared with the table's methods
    const known = patterns.filter(({ expression }) => expression.test(path));
    const found = known.find(({ route }) => route.method === wanted);
    if (found !== undefined) return { kind: 'route', auth: found.route.auth, route: found.route };
    return known.length > 0 ? { kind: 'other-method', methods: known.map(({ route }) => route.method) } : { kind: 'unknown' };
  };
}
