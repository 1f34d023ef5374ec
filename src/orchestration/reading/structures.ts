import type { z } from 'zod';
import { IntegrateProposalSchema, MemoPatchProposalSchema, PlanProposalSchema } from '../state/index.ts';
import { FinalNarrativeSchema } from './read-memo.ts';
import { RecordProposalSchema } from './read-record.ts';
import type { Shape } from './coerce-shape.ts';
import { shapeOf } from './reading.ts';

/** Replies that have a typed shape. */
export type StructureName = 'plan' | 'integrate' | 'memo' | 'record' | 'final_report';

/** The shape of a reply for the structured ladder and the prompts, with an example that the readers accept. */
export interface Structure { name: string; schema: Shape; example: Readonly<Record<string, unknown>> }

const SCHEMAS: Readonly<Record<StructureName, z.ZodType>> = {
  plan: PlanProposalSchema, integrate: IntegrateProposalSchema, memo: MemoPatchProposalSchema, record: RecordProposalSchema,
  final_report: FinalNarrativeSchema,
};

const STATE_UPDATE = {
  subtask_status: {
    t1_read_table: { status: 'completed', evidence: [{ text: 'loaded the table and named its columns', quote: 'it has 5 rows and 3 columns' }] },
    t2_missing_values: { status: 'in_progress' },
  },
} as const;

const EXAMPLES: Readonly<Record<StructureName, Readonly<Record<string, unknown>>>> = {
  plan: {
    packet: {
      current_focus: 'Find the missing values of each column',
      guidance_for_ca: 'Ask what an empty cell looks like in the table before naming a function. One hint at a time.',
      recommended_targets: ['counts the missing values of every column'],
      nice_check: ['says why a missing value is not zero'],
      lock_until: 'checkpoint_reached',
      allow_setup_helper_code: false,
      setup_helper_scope: 'none',
      task_type: 'core',
      suggest_checkpoint_confirmation: false,
      current_task_id: 't2_missing_values',
      hint_level: 1,
    },
    state_update: STATE_UPDATE,
    consultation_request: {
      expert_id: 'data_inspector',
      expected_output_type: 'suitability_judgment',
      question: 'Does the uploaded table have enough rows and the columns that the task needs?',
      scenario_id: 'dataset_suitability_check',
      consulting_letter_title: 'Is this table suitable?',
      reasoning: 'The learner uploaded a new file and wants to work with it.',
      context: { file_name: 'scores.csv', task_id: 't2_missing_values' },
    },
  },
  integrate: {
    expert_consultation_summary: 'The table has 40 rows and both columns; two dates are not readable.',
    guidance_for_ca: 'Say that the table can be used. Let the learner find the two unreadable dates.',
    packet_patch: { current_focus: 'Find the unreadable dates', recommended_targets: ['names both rows'], nice_check: [] },
    state_update: STATE_UPDATE,
    consultation_request: null,
  },
  memo: {
    observations: { add: ['reads the output before asking'], drop: ['o2'] },
    struggles: { add: ['takes a missing value for zero'], drop: [] },
    strengths: { add: ['explains steps in own words'], drop: ['g1'] },
    progress_delta: 'evidence_added',
    achievements: [{ task_id: 't1_read_table', append: 'Loaded scores.csv and named its three columns.' }],
    report: {
      activity: 'Counted the missing values of the table',
      points: ['isna() marks empty cells', 'sum() counts them by column'],
      solid: ['loading a table'],
      needs_support: ['telling missing from zero'],
      next_step: 'Decide what to do with the two empty scores.',
    },
    error_entries: [{ error_type: 'conceptual', description: 'A missing score was read as zero', context: 'mean of the score column' }],
    memory_delta: 'Counted missing values; still mixes them up with zeros.',
    diagnostic_log: ['asks for confirmation after every step'],
  },
  record: {
    progress_record: 'df.isna().sum() gives 2 for score',
    what_user_attempted: 'counted missing values with isna and sum',
    what_user_observed: 'two missing scores, no missing name',
    ca_teaching_mode: 'socratic',
    ca_next_suggestion: 'Look at the two rows and say what they have in common.',
    evidence_for_subtasks: [{ subtask_id: 't2_missing_values', evidence: 'counted the missing values', quote: 'score has 2' }],
  },
  final_report: {
    narrative: 'You loaded a table, found its missing values and decided to leave the two rows out. Missing and zero are no longer the same.',
  },
};

/** The shape and example of a reply. The schema is generated from the one that parses the reply. */
export function structureFor(name: StructureName): Structure {
  return { name, schema: shapeOf(SCHEMAS[name]), example: EXAMPLES[name] };
}

/** The schema that validates a reply of this name. */
export function schemaFor(name: StructureName): z.ZodType {
  return SCHEMAS[name];
}
