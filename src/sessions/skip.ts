import { SidecarError } from '../contracts/index.ts';
import type { SkipAnswer, SkipRequest } from '../contracts/index.ts';
import { renderReport, skip } from '../orchestration/index.ts';
import type { SkipResult } from '../orchestration/index.ts';
import type { SessionRow } from '../store/index.ts';
import type { SessionsContext } from './session-context.ts';
import { requireSession } from './session-lookup.ts';
import { queueStanding } from './sync-rows.ts';

/** The skip button: no model call; state, packet, report and outbox row are one transaction. */
export function skipTask(context: SessionsContext, sessionId: string, request: SkipRequest): SkipAnswer {
  const ended = requireSession(context.store, sessionId).state.end_confirmed;
  if (ended) throw new SidecarError('SESSION_ENDED', 'the session has ended');
  using _lease = context.engine.lock(sessionId);
  const row = requireSession(context.store, sessionId);
  const now = context.clock.now().toISOString();
  const result = skip(row.state, { source: 'button', ...request }, {
    tasks: context.pinned.load(row.content_hash)?.chapter.tasks ?? [], language: row.language, now,
  });
  if (result.kind === 'refused') throw new SidecarError(result.code, `the skip was refused: ${result.code}`);
  if (result.kind === 'needs_reason') return result.answer;
  commit(context, row, { result, now });
  if (result.kind === 'skipped') {
    context.hub.emit(sessionId, null, { type: 'task_skipped', ...result.answer });
    const isEndNear = result.state.end_suggested && !row.state.end_suggested;
    if (isEndNear) context.hub.emit(sessionId, null, { type: 'session_end_suggested', turn_index: result.state.turn_index });
  }
  context.syncTokens.kick();
  return result.answer;
}

function commit(
  context: SessionsContext, row: SessionRow, { result, now }: { result: Exclude<SkipResult, { kind: 'refused' }>; now: string },
): void {
  const { store } = context;
  const { state } = result;
  store.transaction(() => {
    // The page tells task states, so it must not lag behind them; before the first turn there is none.
    const template = context.pinned.load(row.content_hash)?.templates.dynamic_report_template.text ?? null;
    const hasReport = result.kind === 'skipped' && state.turn_index > 0;
    const report = hasReport
      ? { report_md: renderReport({ state, notes: row.notes, template, language: row.language }), report_revision: row.report_revision + 1 }
      : {};
    store.sessions.update(row.session_id, { state, ...(result.packet === null ? {} : { packet: result.packet }), ...report }, now);
    const fresh = requireSession(store, row.session_id);
    if (result.kind === 'skipped') queueStanding(store, fresh, now);
  });
}
