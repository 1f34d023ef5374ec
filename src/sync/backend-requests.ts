import * as z from 'zod';
import { backendChapterId } from '../store/index.ts';
import type { BackendRow, OutboxRow, SessionRow } from '../store/index.ts';
import type { BackendCall } from './backend-client.ts';

const CALLS = {
  turn: { method: 'POST', path: 'turns' },
  memory: { method: 'PUT', path: 'memory' },
  report: { method: 'PUT', path: 'report' },
} as const;

/** An id that stays one segment of a path. */
const RegisteredSchema = z.object({ session_id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._~-]{0,127}$/) });

/** The call that carries a row; the backend's id of the session is ours until it gave another. */
export function deliveryCall(row: OutboxRow, backend: BackendRow, token: string): BackendCall {
  const { method, path } = CALLS[row.kind];
  const url = `${backend.url}/v1/sessions/${encodeURIComponent(backend.bid ?? row.session_id)}/${path}`;
  return { method, url, token, body: row.body, readsAnswer: false };
}

/** The call that makes a session at a backend which does not know ours. */
export function registrationCall(session: SessionRow, backend: BackendRow, token: string): BackendCall {
  const chapter = backendChapterId(session.chapter_id);
  const [course] = session.chapter_id.includes('/') ? session.chapter_id.split('/') : [];
  const courseId = session.desktop_context?.chapter_scope?.course_id ?? course;
  const url = `${backend.url}/v1/chapters/${encodeURIComponent(chapter)}/sessions`;
  return { method: 'POST', url, token, body: courseId === undefined ? {} : { course_id: courseId }, readsAnswer: true };
}

/** The id out of a registration's answer; null when it is missing or unusable. */
export function tryParseRegistration(text: string): string | null {
  try {
    const parsed = RegisteredSchema.safeParse(JSON.parse(text));
    return parsed.success ? parsed.data.session_id : null;
  } catch {
    return null; // Not JSON; the caller treats both the same.
  }
}
