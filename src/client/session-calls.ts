import type {
  CancelAnswer, CreateSessionAnswer, CreateSessionRequest, EndAnswer, ExpertReport, HistoryTurn, ReattachAnswer, ReattachRequest,
  SessionListItem, SessionState, SkipAnswer, SkipRequest, StreamEvent, UsageAnswer,
} from '../contracts/index.ts';
import type { NormalisedEvent } from './events.ts';
import type { ReceivedFrame } from './event-stream.ts';
import type { FollowOptions } from './follow.ts';
import { followSession } from './follow.ts';
import type { Http } from './http.ts';
import type { SendOptions } from './send.ts';
import { sendMessage } from './send.ts';

const CREATE_TIMEOUT_MS = 300_000;
const REATTACH_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 60_000;
/** Last reports are kept for this many sessions; the one read longest ago leaves first. */
const MAX_REPORTS = 100;

interface Options { signal?: AbortSignal | undefined }

/** The path of a session's routes. */
export function sessionPath(sessionId: string, tail = ''): string {
  return `/api/session/${encodeURIComponent(sessionId)}${tail}`;
}

/** Calls that create, follow and end sessions. */
export interface SessionCalls {
  createSession(request: Partial<CreateSessionRequest>, options?: Options): Promise<CreateSessionAnswer>;
  reattach(sessionId: string, request?: ReattachRequest, options?: Options): Promise<ReattachAnswer>;
  listSessions(query?: { chapter_id?: string; limit?: number }, options?: Options): Promise<SessionListItem[]>;
  deleteSession(sessionId: string, options?: Options & { force?: boolean }): Promise<void>;
  history(sessionId: string, options?: Options): Promise<HistoryTurn[]>;
  state(sessionId: string, options?: Options): Promise<SessionState>;
  usage(sessionId: string, options?: Options): Promise<UsageAnswer>;
  dynamicReport(sessionId: string, options?: Options): Promise<string>;
  skipTask(sessionId: string, request?: SkipRequest, options?: Options): Promise<SkipAnswer>;
  endSession(sessionId: string, options?: Options): Promise<EndAnswer>;
  /** Stops the running turn, if there is one. */
  cancel(sessionId: string, options?: Options): Promise<CancelAnswer>;
  expertReports(sessionId: string, options?: Options): Promise<ExpertReport[]>;
  expertReport(sessionId: string, reportId: string, options?: Options): Promise<ExpertReport>;
  /** Sends a message and delivers its turn as normalised events; survives lost connections. */
  send(sessionId: string, message: string, options?: SendOptions): AsyncGenerator<NormalisedEvent>;
  /** All events of a session as they come, until the signal; throws when the session is gone. */
  follow(sessionId: string, options?: FollowOptions): AsyncGenerator<ReceivedFrame<StreamEvent>>;
}

/** Binds the session routes to a requester. */
export function createSessionCalls(http: Http): SessionCalls {
  const reports = new Map<string, string>();
  const readReport = async (sessionId: string, { signal }: Options = {}): Promise<string> => {
    const { report } = await http.json<{ report: string }>(sessionPath(sessionId, '/dynamic_report'), { signal });
    reports.delete(sessionId);
    reports.set(sessionId, report);
    const [oldest] = reports.keys();
    if (reports.size > MAX_REPORTS && oldest !== undefined) reports.delete(oldest);
    return report;
  };
  /** The page must not go blank because one read failed. */
  const lastKnownReport = async (sessionId: string, signal?: AbortSignal): Promise<string> => {
    try {
      return await readReport(sessionId, { signal });
    } catch {
      return reports.get(sessionId) ?? '';
    }
  };
  return {
    createSession: (request, { signal } = {}) =>
      http.json('/api/session/new', { method: 'POST', body: request, signal, timeoutMs: CREATE_TIMEOUT_MS }),
    reattach: (id, request = {}, { signal } = {}) =>
      http.json(sessionPath(id, '/reattach'), { method: 'POST', body: request, signal, timeoutMs: REATTACH_TIMEOUT_MS }),
    listSessions: async (query = {}, { signal } = {}) =>
      (await http.json<{ sessions: SessionListItem[] }>('/api/sessions', { query, signal })).sessions,
    deleteSession: (id, { signal, force } = {}) => http.json(sessionPath(id), { method: 'DELETE', query: { force }, signal }),
    history: async (id, { signal } = {}) => (await http.json<{ turns: HistoryTurn[] }>(sessionPath(id, '/history'), { signal })).turns,
    state: async (id, { signal } = {}) => (await http.json<{ state: SessionState }>(sessionPath(id, '/state'), { signal })).state,
    usage: (id, { signal } = {}) => http.json(sessionPath(id, '/usage'), { signal }),
    dynamicReport: (id, options) => readReport(id, options),
    skipTask: (id, request = {}, { signal } = {}) => http.json(sessionPath(id, '/skip-task'), { method: 'POST', body: request, signal }),
    endSession: (id, { signal } = {}) => http.json(sessionPath(id, '/end'), { method: 'POST', signal, timeoutMs: END_TIMEOUT_MS }),
    cancel: (id, { signal } = {}) => http.json(sessionPath(id, '/message/cancel'), { method: 'POST', signal }),
    expertReports: async (id, { signal } = {}) =>
      (await http.json<{ reports: ExpertReport[] }>(sessionPath(id, '/expert-reports'), { signal })).reports,
    expertReport: (id, reportId, { signal } = {}) => http.json(sessionPath(id, `/expert-reports/${encodeURIComponent(reportId)}`), { signal }),
    send: (sessionId, message, options = {}) =>
      sendMessage({ http, sessionId, message, options, readReport: (signal) => lastKnownReport(sessionId, signal) }),
    follow: (sessionId, options) => followSession(http, sessionId, options),
  };
}
