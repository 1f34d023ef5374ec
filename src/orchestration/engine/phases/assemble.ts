import { SidecarError } from '../../../contracts/index.ts';
import type { SessionRow } from '../../../store/index.ts';
import { chapterTextsOf } from '../../context/index.ts';
import { RECENT_TURNS } from '../../state/index.ts';
import type { EngineDeps } from '../engine-deps.ts';
import { skipNoteOf } from '../recall-turn.ts';
import type { TurnIdentity } from '../running-turn.ts';
import type { AssembledTurn } from '../turn-work.ts';

const SHOWN_RUNS = 3;
/** As many as a session keeps. */
const RECORDED_RUNS = 50;

/** Reads everything a turn needs into one snapshot. Throws CHAPTER_NOT_FOUND (or the stored problem) without content. */
export async function assembleTurn(
  identity: Pick<TurnIdentity, 'turnId' | 'kind' | 'message'>, row: SessionRow, deps: EngineDeps,
): Promise<AssembledTurn> {
  const content = deps.content.load(row.content_hash);
  if (content === null) throw new SidecarError('CHAPTER_NOT_FOUND', row.content_problem ?? 'the session has no content');
  const runNotes = deps.store.runNotes.recent(row.session_id, SHOWN_RUNS);
  const uploads = deps.store.files.list(row.session_id, 'upload').map((file) => ({
    name: file.name, sizeBytes: file.size_bytes, isNew: file.origin === 'upload' && file.turn_index >= row.state.turn_index,
  }));
  return {
    content,
    references: await deps.referencesFor(row),
    recordedRuns: once(() => deps.store.runNotes.recent(row.session_id, RECORDED_RUNS)
      .map((run) => ({ source: run.lane === 'notebook' ? 'notebook' as const : 'code_run' as const, output: `${run.stdout}\n${run.stderr}` }))),
    snapshot: {
      turnId: identity.turnId, kind: identity.kind, message: identity.message, session: row,
      chapter: chapterTextsOf(content), tasks: content.chapter.tasks,
      history: deps.store.history.tail(row.session_id, RECENT_TURNS), uploads, runs: runNotes,
      experts: deps.consultant?.expertsFor(row, content) ?? [],
      consultRules: deps.consultant?.rulesFor(content).texts ?? [],
      skip: identity.kind === 'task_skipped' ? skipNoteOf(row.state, row.state.turn_index) : null, consultations: [], judgement: null, unlockReasons: [], now: deps.clock.now().toISOString(),
    },
  };
}

/** Keeps what the first call gave. */
function once<T>(make: () => T): () => T {
  let made: { value: T } | null = null;
  return () => (made ??= { value: make() }).value;
}
