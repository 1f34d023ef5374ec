import { fileURLToPath } from 'node:url';
import { readFileSync } from 'node:fs';
import { parseTaskList } from '../../content/index.ts';
import type { HistoryRow } from '../../store/index.ts';
import { loadPrompts, type PromptSet } from '../prompts/index.ts';
import { createDigest, createInitialState, createJudgement, createNotes, createRecord, mergeOutcome } from '../state/index.ts';
import type { CallOptions } from './build-call.ts';
import type { SourcedText, TurnSnapshot } from './snapshot.ts';

const CHAPTER = new URL('../../../content/curriculum/python_first_steps/ch1_reading_a_table/prompts/', import.meta.url);
const PROMPTS = new URL('../../../prompts/', import.meta.url);

/** The packaged prompts of this checkout. */
export function packagedPrompts(): Promise<PromptSet> {
  return loadPrompts({ directory: fileURLToPath(PROMPTS) });
}

/** Options of a call with a large window and a boundary that counts up. */
export function callOptions(prompts: PromptSet, change: Partial<CallOptions> = {}): CallOptions {
  let calls = 0;
  return { prompts, newBoundary: () => `boundary${(calls += 1)}`, window: { tokens: 128_000, factor: 1 }, ...change };
}

/** A committed learner turn. */
export function historyRow(turnIndex: number, change: Partial<HistoryRow> = {}): HistoryRow {
  return {
    session_id: 's1', turn_index: turnIndex, turn_id: `trn_${turnIndex}`, kind: 'student', user_message: `question number ${turnIndex}`,
    companion_response: `answer number ${turnIndex}`, turn_outcome: mergeOutcome(createJudgement(), createRecord(''), 'student'), token_usage: null,
    created_at: `2026-03-01T10:0${turnIndex % 10}:00.000Z`, ...change,
  };
}

/** A learner turn in the middle of the sample chapter. */
export function sampleSnapshot(change: Partial<TurnSnapshot> = {}): TurnSnapshot {
  const file = (name: string, folder: URL = CHAPTER): SourcedText => ({
    text: readFileSync(new URL(name, folder), 'utf8').replace(/^---\n[\s\S]*?\n---\n/, ''), provenance: folder === CHAPTER ? 'chapter' : 'packaged',
  });
  const { tasks } = parseTaskList(file('task_list.md').text);
  const { state, packet } = createInitialState(tasks, { session_id: 's1', chapter_id: 'python_first_steps/ch1_reading_a_table', language: 'en', pin: null });
  return {
    turnId: 'trn_9', kind: 'student', message: 'I ran it and it printed (122, 6). The first number counts the rows.',
    session: {
      session_id: 's1', chapter_id: state.chapter_id, chapter_title: 'Reading a table', language: 'en', state: { ...state, turn_index: 3 }, packet,
      digest: { ...createDigest(), key_observations: ['runs code before asking'], student_struggles: ['mixes up rows and columns'] }, notes: createNotes(),
    },
    chapter: {
      chapterContext: file('chapter_context.md'), completionPrinciples: file('task_completion_principles.md'),
      interactionProtocol: file('interaction_protocol.md'), socraticRules: file('protocol/socratic_vs_direct.md', PROMPTS),
      policy: {
        companion: file('policy/companion.md', PROMPTS), roadmapManager: file('policy/roadmap_manager.md', PROMPTS), memo: file('policy/memo.md', PROMPTS),
      },
      templates: {
        dynamicReport: file('templates/dynamic_report_template.md', PROMPTS),
        studentErrorSummary: file('templates/student_error_summary_template.md', PROMPTS),
        finalLearningReport: file('templates/final_learning_report_template.md', PROMPTS),
      },
      consultationConfig: null, consultationGuide: null,
    },
    tasks,
    history: [0, 1, 2].map((index) => historyRow(index)),
    uploads: [{ name: 'my table.csv', sizeBytes: 812, isNew: true }],
    runs: [{
      session_id: 's1', execution_id: 'exe_1', lane: 'user', at: '2026-03-01T10:05:00.000Z', ok: true,
      code: 'import pandas as pd\nweather = pd.read_csv("weather_station.csv")\nprint(weather.shape)', stdout: '(122, 6)\n', stderr: '',
    }],
    experts: [{ id: 'data_inspector', description: 'Looks at uploaded tables.', outputModes: ['suitability_judgment'] }],
    consultRules: ['Have an uploaded table inspected before a task is based on it.'],
    skip: null, consultations: [], judgement: null, unlockReasons: [], now: '2026-03-01T10:06:00.000Z',
    ...change,
  };
}
