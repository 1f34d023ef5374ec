import type { FastifyReply } from 'fastify';
import {
  CreateSessionRequestSchema, DeleteSessionQuerySchema, ExpertReportItemSchema, ListSessionsQuerySchema, MessageRequestSchema, ReattachRequestSchema, SidecarError, SkipRequestSchema,
  encodeFrame, sentenceFor,
} from '../../contracts/index.ts';
import { tokenStateOf } from '../admissions.ts';
import type { RouteHandlers, RouteRequest } from '../route-handler.ts';
import { streamFrames } from '../wire/sse.ts';
import type { FrameSource } from '../wire/sse.ts';

const S = '/api/session/{session_id}';

/** A stream that holds one frame; clients of an unknown session rely on an in-band error. */
function singleFrame(frame: string): FrameSource {
  return {
    frames: (async function* one() { yield frame; })(),
    dropped: new AbortController().signal,
    [Symbol.asyncDispose]: async () => {},
  };
}

const unknownSession = (): FrameSource => singleFrame(encodeFrame('0.1', {
  type: 'error', message: sentenceFor('SESSION_NOT_FOUND', 'zh'), code: 'SESSION_NOT_FOUND',
}));

const callerOf = (request: RouteRequest) => ({ hasToken: tokenStateOf(request.raw.raw) === 'valid' });

/** From here on the answer is a stream; what breaks it can only be logged. */
async function answerWithStream(request: RouteRequest, reply: FastifyReply, stream: { source: FrameSource; retryMs?: number }): Promise<void> {
  const { source, ...options } = stream;
  reply.hijack();
  try {
    await streamFrames(reply.raw, source, options);
  } catch (error) {
    request.deps.log.error({ err: error, requestId: request.raw.id, sessionId: request.sessionId }, 'a stream broke off');
  }
}

const dynamicReport = (request: RouteRequest) => ({ report: request.deps.sessions.dynamicReport(request.sessionId) });

/** Routes of a session's life and its turns. */
export const sessionRoutes: RouteHandlers = {
  'POST /api/session/new': (request) => request.deps.sessions.create(request.body(CreateSessionRequestSchema), callerOf(request)),
  'GET /api/sessions': async (request) => ({ sessions: await request.deps.sessions.list(request.query(ListSessionsQuerySchema)) }),
  [`POST ${S}/reattach`]: (request) => request.deps.sessions.reattach(
    request.sessionId, request.body(ReattachRequestSchema), callerOf(request)),
  [`GET ${S}/history`]: (request) => ({ turns: request.deps.sessions.history(request.sessionId) }),
  [`GET ${S}/dynamic_report`]: dynamicReport,
  [`GET ${S}/dynamic-report`]: dynamicReport,
  [`GET ${S}/state`]: (request) => ({ state: request.deps.sessions.state(request.sessionId) }),
  [`GET ${S}/usage`]: (request) => request.deps.sessions.usage(request.sessionId),
  [`POST ${S}/skip-task`]: (request) => request.deps.sessions.skip(request.sessionId, request.body(SkipRequestSchema)),
  [`POST ${S}/end`]: (request) => request.deps.sessions.end(request.sessionId, new AbortController().signal),
  'DELETE /api/session/{session_id}': async (request, reply) => {
    await request.deps.sessions.delete(request.sessionId, { force: request.query(DeleteSessionQuerySchema).force === 'true' });
    return reply.code(204).send();
  },
  [`POST ${S}/message/stream`]: async (request, reply) => {
    request.deps.sessions.checkText(request.body(MessageRequestSchema.pick({ message: true })).message);
    const source = request.deps.sessions.send(request.sessionId, request.body(MessageRequestSchema)) ?? unknownSession();
    await answerWithStream(request, reply, { source });
  },
  [`POST ${S}/message/cancel`]: (request) => request.deps.sessions.cancel(request.sessionId),
  [`GET ${S}/events`]: async (request, reply) => {
    const source = request.deps.sessions.follow(request.sessionId, request.lastEventId());
    await answerWithStream(request, reply, { source, retryMs: 1_000 });
  },
  [`GET ${S}/expert-reports`]: (request) => ({
    reports: request.deps.sessions.expertReports(request.sessionId).map((report) => ExpertReportItemSchema.parse(report)),
  }),
  [`GET ${S}/expert-reports/{report_id}`]: (request) => {
    const wanted = request.param('report_id');
    const report = request.deps.sessions.expertReports(request.sessionId).find(({ report_id }) => report_id === wanted);
    if (report === undefined) throw new SidecarError('EXPERT_REPORT_NOT_FOUND', 'no such expert report');
    return report;
  },
};
