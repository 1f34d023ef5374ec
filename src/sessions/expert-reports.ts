import { ExpertReportSchema } from '../contracts/index.ts';
import type { ExpertReport } from '../contracts/index.ts';
import type { Store } from '../store/index.ts';
import { requireSession } from './session-lookup.ts';

/** Reports of a session's consultations, newest first. A stored one that no longer parses is left out. */
export function readExpertReports(store: Store, sessionId: string): ExpertReport[] {
  requireSession(store, sessionId);
  return store.expertReports.list(sessionId).flatMap((row) => {
    const parsed = ExpertReportSchema.safeParse({
      ...row.body, report_id: row.report_id, consultation_id: row.consultation_id, user_turn_index: row.turn_index, expert_id: row.expert_id,
      created_at: row.created_at,
    });
    return parsed.success ? [parsed.data] : [];
  });
}
