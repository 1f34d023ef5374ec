import type { EndAnswer } from '../contracts/index.ts';
import { finalFacts, renderFinalReport } from '../orchestration/index.ts';
import type { SessionRow } from '../store/index.ts';
import { readExpertReports } from './expert-reports.ts';
import type { SessionsContext } from './session-context.ts';
import { requireSession } from './session-lookup.ts';
import { queueStanding } from './sync-rows.ts';

const NARRATIVE_MS = 20_000;

/** Ends a session with its final report. A second call gets the same text without a model call. */
export async function endSession(context: SessionsContext, sessionId: string, signal: AbortSignal): Promise<EndAnswer> {
  const stored = storedEnd(requireSession(context.store, sessionId));
  if (stored !== null) return stored;
  using _lease = context.engine.lock(sessionId);
  const bounded = AbortSignal.any([signal, context.closing, AbortSignal.timeout(NARRATIVE_MS)]);
  const narrative = await narrate(context, sessionId, bounded);
  return commit(context, sessionId, narrative);
}

function storedEnd(row: SessionRow): EndAnswer | null {
  if (!row.state.end_confirmed || row.final_report === null) return null;
  return { final_report: row.final_report, turn_index: row.state.turn_index, generated_by: row.final_by ?? 'rules' };
}

/** The narrative, or null when it failed or did not come in time; the facts stand on their own. */
async function narrate(context: SessionsContext, sessionId: string, signal: AbortSignal): Promise<string | null> {
  const late = new Promise<null>((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  const told = context.engine.writeFinalNarrative(sessionId, signal).catch((error: unknown) => {
    context.log.warn({ sessionId, error: error instanceof Error ? error.message : 'unknown' }, 'the final narrative failed');
    return null;
  });
  return await Promise.race([told, late]);
}

/** Works on the row as it is now: a memo may have written to it while the narrative was being told. */
function commit(context: SessionsContext, sessionId: string, narrative: string | null): EndAnswer {
  const { store } = context;
  const row = requireSession(store, sessionId);
  const now = context.clock.now().toISOString();
  const state = { ...row.state, end_confirmed: true };
  const facts = finalFacts({
    state, chapterTitle: row.chapter_title, startedAt: row.created_at, endedAt: now, expertReports: readExpertReports(store, row.session_id),
  });
  const text = renderFinalReport(facts, narrative, row.language);
  const generatedBy = narrative === null || narrative.trim() === '' ? 'rules' : 'model';
  store.transaction(() => {
    store.sessions.update(row.session_id, { state, final_report: text, final_by: generatedBy }, now);
    queueStanding(store, requireSession(store, row.session_id), now);
  });
  context.hub.emit(row.session_id, null, { type: 'session_ended', turn_index: state.turn_index });
  context.syncTokens.kick();
  return { final_report: text, turn_index: state.turn_index, generated_by: generatedBy };
}
