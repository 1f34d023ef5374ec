import type { ModelPurpose } from '../../contracts/index.ts';
import { isTracked, type Task } from '../../content/index.ts';
import type { OfflineHints } from '../../models/index.ts';
import { currentTaskOf, type ConsultationNote, type TurnSnapshot } from './snapshot.ts';
import { taskBullets } from './task-bullets.ts';

/** The typed facts of a call, for the tutor that reads no prompt. `extra` goes into `facts` beside the session's. */
export function buildHints(purpose: ModelPurpose, snapshot: TurnSnapshot, extra: Readonly<Record<string, unknown>> = {}): OfflineHints {
  const { packet, language } = snapshot.session;
  const task = currentTaskOf(snapshot);
  const { judgement, skip } = snapshot;
  return {
    purpose,
    language,
    message: snapshot.message,
    task: task === null ? null : { id: task.id, title: task.title, bullets: taskBullets(task), hintLevel: packet.hint_level ?? 0 },
    focus: packet.current_focus,
    targets: packet.recommended_targets,
    openTasks: openTasks(snapshot),
    lastRun: lastRun(snapshot),
    newUploads: snapshot.uploads.filter(({ isNew }) => isNew).map(({ name }) => name),
    skipNote: skip === null ? null : { skippedTitle: skip.skippedTitle, nextTitle: skip.nextTitle, needsReason: skip.needsReason },
    consultResult: consultResult(snapshot),
    judgement: judgement === null ? null : { checkpoint: judgement.checkpoint, blocker: judgement.blocker, consult: judgement.consult },
    experts: snapshot.experts.map(({ id, outputModes }) => ({ id, outputModes })),
    facts: { ...sessionHints(snapshot), ...extra },
  };
}

function sessionHints({ session, history, unlockReasons, judgement, consultations }: TurnSnapshot): Record<string, unknown> {
  const { state, chapter_title: chapterTitle } = session;
  return {
    chapter_title: chapterTitle, turn_index: state.turn_index, attempts: state.attempts_since_last_progress,
    is_first_answer: history.length === 0, awaiting_skip_reason: state.awaiting_skip_reason, end_suggested: state.end_suggested,
    unlock_reasons: unlockReasons, sentiment: judgement?.sentiment ?? null,
    task_states: Object.fromEntries(Object.entries(state.subtask_status).map(([id, { status }]) => [id, status])),
    consult_question: consultations.at(-1)?.question ?? null,
  };
}

function openTasks(snapshot: TurnSnapshot): OfflineHints['openTasks'] {
  const isOpen = (task: Task): boolean => {
    const status = snapshot.session.state.subtask_status[task.id]?.status;
    return isTracked(task) && status !== 'completed' && status !== 'skipped';
  };
  return snapshot.tasks.filter(isOpen).map((task) => ({ id: task.id, title: task.title, kind: task.kind, bullets: taskBullets(task) }));
}

/** The newest run, if it is newer than the last committed turn; an old success proves nothing again. */
function lastRun({ runs, history }: TurnSnapshot): OfflineHints['lastRun'] {
  const run = runs.at(-1);
  const last = history.at(-1);
  if (run === undefined || (last !== undefined && run.at <= last.created_at)) return null;
  return { ok: run.ok, stdout: run.stdout, stderr: run.stderr, code: run.code };
}

/** Everything that the experts of the turn found, in their order. */
function consultResult({ consultations }: TurnSnapshot): string | null {
  const found = consultations.flatMap((note) => findingIn(note) ?? []);
  return found.length === 0 ? null : found.join('\n');
}

function findingIn({ outcome, summary, output }: ConsultationNote): string | null {
  if (outcome === 'failed') return null;
  if (summary !== null) return summary;
  if (output === null) return null;
  const said = output['answer_summary'];
  return typeof said === 'string' && said !== '' ? said : JSON.stringify(output).slice(0, 1200);
}
