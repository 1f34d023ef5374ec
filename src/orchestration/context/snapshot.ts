import type { Judgement, TurnKind } from '../../contracts/index.ts';
import type { Provenance, SessionContent, Task } from '../../content/index.ts';
import type { HistoryRow, RunNote, SessionRow } from '../../store/index.ts';

/** A text in use, and where it came from. */
export interface SourcedText { text: string; provenance: Provenance }

/** The texts of a session that prompts may use; an empty text counts as absent. */
export interface ChapterTexts {
  chapterContext: SourcedText;
  taskList?: SourcedText;
  completionPrinciples: SourcedText;
  interactionProtocol: SourcedText;
  socraticRules: SourcedText;
  policy: { companion: SourcedText; roadmapManager: SourcedText; memo: SourcedText };
  templates: { dynamicReport: SourcedText; studentErrorSummary: SourcedText; finalLearningReport: SourcedText };
  consultationConfig: SourcedText | null;
  consultationGuide: SourcedText | null;
}

/** An uploaded file as the agents may know it: a name and facts, never its content. */
export interface UploadFact { name: string; sizeBytes: number; /** Uploaded by the learner since the last committed turn. */ isNew: boolean }

/** An expert that may be asked in this chapter. */
export interface ExpertFact { id: string; description: string; outputModes: readonly string[] }

/** What a skip did in this turn. */
export interface SkipNote {
  skippedTitle: string;
  nextTitle: string | null;
  /** Nothing was skipped yet: the reason is asked for first. */
  needsReason: boolean;
}

/** A consultation of this turn. `summary` and `guidance` come from `integrate`; `output` is validated and goes to the planner alone. */
export interface ConsultationNote {
  expertId: string;
  question: string;
  outcome: 'answered' | 'failed';
  output: Readonly<Record<string, unknown>> | null;
  summary: string | null;
  guidance: string | null;
}

/** What a session's row holds that contexts are built from. */
export type SessionFacts = Pick<SessionRow, 'session_id' | 'chapter_id' | 'chapter_title' | 'language' | 'state' | 'packet' | 'digest' | 'notes'>;

/** Everything one turn knows, read once. Later phases copy it with what they found; nothing changes it in place. */
export interface TurnSnapshot {
  turnId: string | null;
  kind: TurnKind;
  message: string;
  session: SessionFacts;
  chapter: ChapterTexts;
  tasks: readonly Task[];
  /** The last 6 committed turns at most, oldest first. */
  history: readonly HistoryRow[];
  uploads: readonly UploadFact[];
  /** The last 3 runs at most, oldest first; code and output as recorded. */
  runs: readonly RunNote[];
  experts: readonly ExpertFact[];
  /** Rules of the chapter about consulting, in words; for the planner. */
  consultRules: readonly string[];
  skip: SkipNote | null;
  /** Consultations of this turn in their order; at most as many as a turn may hold. */
  consultations: readonly ConsultationNote[];
  judgement: Judgement | null;
  unlockReasons: readonly string[];
  /** Time of the snapshot, ISO. */
  now: string;
}

/** The texts of resolved or pinned content in the form that contexts use. */
export function chapterTextsOf(content: SessionContent): ChapterTexts {
  const { chapter, agents, protocol, templates } = content;
  const own = (text: string): SourcedText => ({ text, provenance: 'chapter' });
  const policy = (agent: SessionContent['agents']['companion']): SourcedText => {
    const text = agent.skills === null ? agent.policy.text : `${agent.policy.text.trimEnd()}\n\n${agent.skills.text}`;
    return { text, provenance: agent.policy.provenance };
  };
  return {
    chapterContext: own(chapter.chapter_context),
    taskList: own(chapter.task_list),
    completionPrinciples: own(chapter.task_completion_principles),
    interactionProtocol: protocol.interaction_protocol,
    socraticRules: protocol.socratic_vs_direct,
    policy: { companion: policy(agents.companion), roadmapManager: policy(agents.roadmap_manager), memo: policy(agents.memo) },
    templates: {
      dynamicReport: templates.dynamic_report_template,
      studentErrorSummary: templates.student_error_summary_template,
      finalLearningReport: templates.final_learning_report_template,
    },
    consultationConfig: chapter.consultation_config === null ? null : own(chapter.consultation_config),
    consultationGuide: chapter.consultation_guide === null ? null : own(chapter.consultation_guide),
  };
}

/** The task the plan is about: the packet's if it is known, else the state's. */
export function currentTaskOf(snapshot: Pick<TurnSnapshot, 'session' | 'tasks'>): Task | null {
  const { packet, state } = snapshot.session;
  const byId = (id: string | null | undefined): Task | undefined => snapshot.tasks.find((task) => task.id === id);
  return byId(packet.current_task_id) ?? byId(state.current_subtask_id) ?? null;
}
