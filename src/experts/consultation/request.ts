import * as z from 'zod';
import { ExpertIdSchema, clipCodePoints, languageOf } from '../../contracts/index.ts';
import type { Language } from '../../contracts/index.ts';
import { TaskRequirementsSchema } from '../tools/tool-definitions.ts';
import type { TaskRequirements } from '../tools/tool-definitions.ts';

const MAX_CONTEXT_BYTES = 8192;
const MAX_OTHER = 400;
const name = z.string().regex(/^[a-z][a-z0-9_-]{1,63}$/);
const text = (limit: number) => z.string().overwrite((value) => clipCodePoints(value.trim(), limit));

const CONTEXT_NAMES = new Set([
  'file_name', 'task_id', 'task_requirements', 'student_confusion', 'concept_name', 'error_message', 'student_code_snippet',
  'learning_objectives', 'student_evidence',
]);

/** A question to an expert; structurally what the planner proposes. */
export const ExpertRequestSchema = z.object({
  expert_id: ExpertIdSchema,
  expected_output_type: name,
  question: text(2000).pipe(z.string().min(1)),
  scenario_id: name.default('rma_custom'),
  consulting_letter_title: text(120).optional(),
  reasoning: text(600).default(''),
  context: z.record(z.string(), z.unknown()).default({})
    .transform((context) => Object.fromEntries(Object.entries(context).map(([key, value]) => [key, CONTEXT_NAMES.has(key) ? value : asText(value)])))
    .refine((context) => Buffer.byteLength(JSON.stringify(context)) <= MAX_CONTEXT_BYTES, { error: 'context is larger than 8 KB' }),
});
export type ExpertRequest = z.infer<typeof ExpertRequestSchema>;

function asText(value: unknown): string {
  return clipCodePoints(typeof value === 'string' ? value : JSON.stringify(value) ?? '', MAX_OTHER);
}

/** The file that a question names, or null. */
export function namedFile(request: ExpertRequest): string | null {
  const file = request.context['file_name'];
  return typeof file === 'string' && file.trim() !== '' ? file.trim().normalize('NFC') : null;
}

/** Requirements that can be measured; a text never becomes thresholds. */
export function requirementsOf(request: ExpertRequest): TaskRequirements | null {
  const parsed = TaskRequirementsSchema.safeParse(request.context['task_requirements']);
  return parsed.success && Object.keys(parsed.data).length > 0 ? parsed.data : null;
}

const TITLES: Readonly<Record<string, Record<Language, string>>> = {
  dataset_suitability_check: { en: 'Does this dataset fit the task?', zh: '数据集是否适合任务' },
  concept_clarification: { en: 'Explaining a concept', zh: '概念澄清' },
  error_diagnosis: { en: 'Finding the cause of an error', zh: '错误诊断' },
  progress_validation: { en: 'Checking a result', zh: '进度验证' },
};
const GENERAL: Record<Language, string> = { en: 'A question to an expert', zh: '专家咨询' };

/** The title that people see. */
export function titleOf(request: ExpertRequest, language: string): string {
  if (request.consulting_letter_title !== undefined && request.consulting_letter_title !== '') return request.consulting_letter_title;
  return (TITLES[request.scenario_id] ?? GENERAL)[languageOf(language)];
}
