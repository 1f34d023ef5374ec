import { API_VERSION, CONTRACT_VERSION, JUPYTER_ROUTES, ROUTES, SSE_EVENT_TYPES, SidecarError } from '../../contracts/index.ts';
import { FEATURES } from '../features.ts';
import type { ContractAnswer } from '../api-contract.ts';
import { createOpenApi } from '../openapi.ts';
import type { RouteHandlers } from '../route-handler.ts';
import { tokenStateOf } from '../admissions.ts';

/** The contract as clients check it before they talk to us. */
export function describeContract(): ContractAnswer {
  return {
    contract_version: CONTRACT_VERSION,
    api_version: API_VERSION,
    routes: [...ROUTES, ...JUPYTER_ROUTES].map(({ method, path, stability, source, auth }) => ({ method, path, stability, source, auth })),
    sse_event_types: [...SSE_EVENT_TYPES],
    features: [...FEATURES],
  };
}

/** Routes about the service itself and its content. */
export const serviceRoutes: RouteHandlers = {
  'GET /health': async (request, reply) => {
    const { report } = request.deps;
    if (report.isStopping()) return reply.code(503).header('retry-after', '1').send({ status: 'stopping' });
    if (tokenStateOf(request.raw.raw) !== 'valid') return { status: 'healthy' };
    return { status: 'healthy', version: report.version, pid: process.pid, uptime_ms: report.uptimeMs() };
  },
  'GET /api/contract': () => describeContract(),
  'GET /openapi.json': () => createOpenApi(),
  'GET /api/capabilities': (request) => request.deps.report.capabilities(),
  'GET /api/diagnostics': (request) => request.deps.report.diagnostics(),
  'GET /api/courses': async (request) => ({ courses: await request.deps.catalogue.courses() }),
  'GET /api/courses/{course_id}/chapters': async (request) => {
    const chapters = await request.deps.catalogue.chaptersOf(request.param('course_id'));
    if (chapters === null) throw new SidecarError('COURSE_NOT_FOUND', 'no such course');
    return { chapters };
  },
  'GET /api/chapters': async (request) => ({ chapters: await request.deps.catalogue.chapters() }),
};
