import { ExecutionsQuerySchema, RunRequestSchema, SidecarError } from '../../contracts/index.ts';
import type { FastifyReply } from 'fastify';
import type { RunRequest } from '../../contracts/index.ts';
import type { JobFrames, UserRunner } from '../../execution/user-runner/index.ts';
import type { RouteHandlers, RouteRequest } from '../route-handler.ts';
import { streamFrames } from '../wire/sse.ts';

const S = '/api/session/{session_id}';

/** Throws SESSION_NOT_FOUND for an unknown session. */
const requireSession = (request: RouteRequest): void => { request.deps.sessions.state(request.sessionId); };

/** The lane of learners' code, after the session is known; `otherwise` tells what to answer where there is none. */
function lane<T>(request: RouteRequest, work: (runner: UserRunner) => T, otherwise: () => T): T {
  requireSession(request);
  const { execution } = request.deps;
  return execution === null ? otherwise() : work(execution);
}

function noLane(): never {
  throw new SidecarError('EXECUTION_UNAVAILABLE', 'no execution lane', { retryAfterSeconds: 60 });
}

function noRecord(code: 'JOB_NOT_FOUND' | 'EXECUTION_NOT_FOUND'): () => never {
  return () => { throw new SidecarError(code, 'no such record'); };
}

/** Parses first, so that a wrong request is told as such also where nothing can run. */
const start = (request: RouteRequest): { runner: UserRunner; wish: RunRequest } => {
  requireSession(request);
  const wish = request.body(RunRequestSchema);
  return { wish, runner: lane(request, (runner) => runner, noLane) };
};

async function sendFrames(reply: FastifyReply, source: JobFrames): Promise<void> {
  reply.hijack();
  await streamFrames(reply.raw, source);
}

/** Routes of code and of the log of executions. */
export const executionRoutes: RouteHandlers = {
  [`POST ${S}/code/run`]: async (request) => {
    const { runner, wish } = start(request);
    return await runner.run(request.sessionId, wish);
  },
  [`POST ${S}/code/stream`]: async (request, reply) => {
    const { runner, wish } = start(request);
    await sendFrames(reply, await runner.stream(request.sessionId, wish));
  },
  [`POST ${S}/code/jobs`]: async (request) => {
    const { runner, wish } = start(request);
    return await runner.startJob(request.sessionId, wish);
  },
  [`GET ${S}/code/jobs`]: (request) => ({ jobs: lane(request, (runner) => runner.jobs(request.sessionId), () => []) }),
  [`GET ${S}/code/jobs/{job_id}`]: (request) => {
    const jobId = request.param('job_id');
    return lane(request, (runner) => runner.job(request.sessionId, jobId), noRecord('JOB_NOT_FOUND'));
  },
  [`GET ${S}/code/jobs/{job_id}/stream`]: async (request, reply) => {
    const lastEventId = request.lastEventId();
    const jobId = request.param('job_id');
    await sendFrames(reply, lane(request, (runner) => runner.followJob(request.sessionId, jobId, lastEventId), noRecord('JOB_NOT_FOUND')));
  },
  [`POST ${S}/code/jobs/{job_id}/cancel`]: async (request) => {
    const jobId = request.param('job_id');
    return await lane(request, async (runner) => await runner.cancelJob(request.sessionId, jobId), noRecord('JOB_NOT_FOUND'));
  },
  [`GET ${S}/executions`]: (request) => {
    const query = request.query(ExecutionsQuerySchema);
    return { executions: lane(request, (runner) => runner.executions(request.sessionId, query), () => []) };
  },
  [`GET ${S}/executions/{execution_id}`]: (request) => {
    const executionId = request.param('execution_id');
    return lane(request, (runner) => runner.execution(request.sessionId, executionId), noRecord('EXECUTION_NOT_FOUND'));
  },
};
