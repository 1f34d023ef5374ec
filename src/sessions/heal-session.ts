import { renderReport, repairSession } from '../orchestration/index.ts';
import type { SessionRow } from '../store/index.ts';
import { pinNote } from './chapter-content.ts';
import type { SessionsContext } from './session-context.ts';

/**
 * Derives again what of a stored session no longer parsed; the damaged text lies in quarantine. Nothing happens while the session is
 * busy or whole. True when the session was changed.
 */
export function healSession(context: SessionsContext, sessionId: string): boolean {
  const { store, engine, clock } = context;
  if ((store.sessions.get(sessionId)?.damaged ?? []).length === 0 || engine.isBusy(sessionId)) return false;
  using _lease = engine.lock(sessionId);
  const row = store.sessions.get(sessionId);
  if (row === null || row.damaged === undefined || row.damaged.length === 0) return false;
  store.sessions.update(sessionId, rederive(context, row), clock.now().toISOString());
  context.problems.add(sessionId, row.damaged.map((column) => `${column} was damaged and was derived again`));
  return true;
}

function rederive(context: SessionsContext, row: SessionRow) {
  const { store, pinned, settings } = context;
  const damaged = new Set(row.damaged);
  const history = store.history.list(row.session_id);
  const content = pinned.load(row.content_hash);
  const whole = <T>(column: 'state' | 'packet' | 'digest', value: T): T | undefined => (damaged.has(column) ? undefined : value);
  const repaired = repairSession({
    state: whole('state', row.state), packet: whole('packet', row.packet), digest: whole('digest', row.digest),
    outcomes: history.map(({ turn_index, turn_outcome }) => ({ turn_index, outcome: turn_outcome })),
  }, {
    session_id: row.session_id, chapter_id: row.chapter_id, language: row.language, tasks: content?.chapter.tasks ?? null,
    pin: content === null || row.content_hash === null ? null : pinNote(content, row.content_hash),
    nextIndex: (history.at(-1)?.turn_index ?? -1) + 1,
    constraints: {
      max_input_length: settings.maxInputLength, max_attempts_before_unlock: settings.maxAttemptsBeforeUnlock,
      batch_error_log_every_n_turns: settings.batchErrorLogEveryNTurns,
    },
  });
  const { state, packet, digest } = repaired;
  const template = content?.templates.dynamic_report_template.text ?? null;
  return {
    state, packet, digest, notes: row.notes, desktop_context: row.desktop_context,
    ...(state.turn_index === 0 ? {} : { report_md: renderReport({ state, notes: row.notes, template, language: row.language }) }),
  };
}
