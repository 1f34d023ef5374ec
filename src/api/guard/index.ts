export { createGuard, pathOf, type Guard, type GuardOptions, type Admission } from './guard.ts';
export { limitConnections } from './connections.ts';
export { STATIC_ROUTE, type RouteMatch } from './route-class.ts';
