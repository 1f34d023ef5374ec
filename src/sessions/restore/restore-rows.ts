import type { DesktopContext, SessionState, StudentErrorEntry } from '../../contracts/index.ts';
import { createNotes, renderReport, repairSession } from '../../orchestration/index.ts';
import type { HistoryRow, SessionRow } from '../../store/index.ts';
import { pinNote } from '../chapter-content.ts';
import type { SessionSettings } from '../sessions-deps.ts';
import { IMPORTED_TURN } from '../sync-rows.ts';
import type { RestoredSession, RestoredTurn } from './read-folder.ts';
import type { RestoredChapter } from './restore-content.ts';

/** The rows that a folder becomes, and what was not taken as it stood. */
export interface RestoredRows { row: SessionRow; history: HistoryRow[]; problems: string[] }

/** What the rows are made of. */
export interface RestoreSources {
  sessionId: string; restored: RestoredSession; chapter: RestoredChapter; desktopContext: DesktopContext | null; settings: SessionSettings;
}

const INTERNAL_MARK = '[系统：';

/** Makes legal rows of a folder. The folder's name is the session id, numbers keep their gaps, values are repaired. Pure. */
export function restoreRows(sources: RestoreSources): RestoredRows {
  const { sessionId, restored, chapter, settings } = sources;
  const { content } = chapter;
  const language = content?.chapter.language ?? (settings.language === 'zh' ? 'zh-Hans' : 'en');
  const outcomes = restored.turns.map(({ turn_index, outcome }) => ({ turn_index, outcome }));
  const repaired = repairSession({ state: restored.state, packet: restored.packet, digest: restored.digest, memory: restored.memory, outcomes }, {
    session_id: sessionId, chapter_id: chapter.chapterId, language, tasks: content?.chapter.tasks ?? null,
    pin: content === null || chapter.contentHash === null ? null : pinNote(content, chapter.contentHash), nextIndex: (restored.turns.at(-1)?.turn_index ?? -1) + 1,
    constraints: {
      max_input_length: settings.maxInputLength, max_attempts_before_unlock: settings.maxAttemptsBeforeUnlock,
      batch_error_log_every_n_turns: settings.batchErrorLogEveryNTurns,
    },
  });
  const state = withErrors({ ...repaired.state, chapter_id: chapter.chapterId }, restored.errorSummary);
  const template = content?.templates.dynamic_report_template.text ?? null;
  const hasTurns = state.turn_index > 0;
  const report = restored.report.trim() === '' && hasTurns ? renderReport({ state, notes: createNotes(), template, language }) : restored.report;
  const finalReport = state.end_confirmed && restored.finalReport?.trim() ? restored.finalReport : null;
  return {
    row: {
      session_id: sessionId, chapter_id: chapter.chapterId, chapter_title: content?.chapter.title ?? '', language,
      created_at: new Date(Math.min(restored.oldestMs, restored.newestMs)).toISOString(), last_updated: new Date(restored.newestMs).toISOString(),
      revision: 0, state, packet: repaired.packet, digest: repaired.digest, notes: createNotes(), report_md: hasTurns ? report : '',
      report_revision: hasTurns ? 1 : 0, desktop_context: sources.desktopContext, content_hash: chapter.contentHash,
      content_problem: chapter.problem, final_report: finalReport, final_by: finalReport === null ? null : 'rules', generation: 0, backend_url: null,
    },
    history: restored.turns.map((turn, place) => historyRow(sources, turn, place === 0)),
    problems: [...restored.problems, ...repaired.problems],
  };
}

function historyRow({ sessionId, restored }: RestoreSources, turn: RestoredTurn, isFirst: boolean): HistoryRow {
  const prefix = restored.isPredecessor ? IMPORTED_TURN.predecessor : IMPORTED_TURN.restored;
  return {
    session_id: sessionId, turn_index: turn.turn_index, turn_id: `${prefix}${sessionId}_${turn.turn_index}`, kind: kindOf(turn, isFirst),
    user_message: turn.user_message, companion_response: turn.companion_response, turn_outcome: turn.outcome, token_usage: turn.usage,
    created_at: turn.created_at,
  };
}

function kindOf(turn: RestoredTurn, isFirst: boolean): HistoryRow['kind'] {
  if (turn.outcome.turn_kind !== undefined) return turn.outcome.turn_kind;
  if (isFirst && turn.user_message.startsWith(INTERNAL_MARK)) return 'greeting';
  return turn.user_message === '[TASK_SKIPPED]' ? 'task_skipped' : 'student';
}

const ERROR_HEADINGS: readonly (readonly [StudentErrorEntry['error_type'], RegExp])[] = [
  ['conceptual', /concept|概念/i], ['scaffolding', /scaffold|environment|setup|脚手架|环境/i], ['coding', /cod(?:e|ing)|代码|编程|编码/i],
];
const MAX_ERRORS = 200;

/** Errors that are only known as Markdown become entries again: list items below a heading that names their kind. */
function withErrors(state: SessionState, summary: string | null): SessionState {
  if (summary === null || state.ext === undefined || state.ext.errors.length > 0) return state;
  let type: StudentErrorEntry['error_type'] | null = null;
  const errors: StudentErrorEntry[] = [];
  for (const line of summary.split('\n')) {
    const heading = /^#{1,6}\s+(.*)$/.exec(line)?.[1];
    if (heading !== undefined) type = ERROR_HEADINGS.find(([, pattern]) => pattern.test(heading))?.[0] ?? null;
    const item = /^\s*[-*]\s+(.+)$/.exec(line)?.[1]?.trim();
    if (item !== undefined && type !== null) errors.push({ turn_index: 0, error_type: type, description: item.slice(0, 300).toWellFormed(), context: '' });
  }
  return errors.length === 0 ? state : { ...state, ext: { ...state.ext, errors: errors.slice(-MAX_ERRORS) } };
}
