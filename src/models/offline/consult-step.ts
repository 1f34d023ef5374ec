import * as z from 'zod';
import type { ModelRequest, OfflineHints, ToolCall } from '../port.ts';
import { say } from './wordings.ts';

const ConsultFactsSchema = z.object({
  output_type: z.string(),
  question: z.string().default(''),
  concept: z.string().default(''),
  file_name: z.string().nullish(),
  task_requirements: z.unknown().optional(),
  tool_results: z.array(z.object({ name: z.string(), result: z.unknown() })).default([]),
  knowledge: z.array(z.object({ name: z.string(), text: z.string() })).default([]),
});
type ConsultFacts = z.infer<typeof ConsultFactsSchema>;

const TOOL_FOR: Readonly<Record<string, string>> = {
  suitability_judgment: 'check_suitability', dataset_overview_report: 'profile_dataset', schema_analysis: 'inspect_dataset',
};

/** The next tool call of a consultation: the data tool that measures the answer, then `finish`; null without tools. */
export function consultStep(request: ModelRequest, hints: OfflineHints): ToolCall | null {
  const step = consultDecision(request, hints);
  return step === null ? null : { id: `offline_${step.name}`, name: step.name, input: JSON.stringify(step.input) };
}

/** The same step as text, for loops without native tools. */
export function consultText(request: ModelRequest, hints: OfflineHints): string {
  const step = consultDecision({ ...request, tools: request.tools ?? [FINISH] }, hints);
  return JSON.stringify({ tool: step?.name ?? 'finish', input: step?.input ?? {} });
}

const FINISH = { name: 'finish', description: '', inputSchema: {} };

function consultDecision(request: ModelRequest, hints: OfflineHints): { name: string; input: object } | null {
  const offered = new Set((request.tools ?? []).map(({ name }) => name));
  if (offered.size === 0) return null;
  const parsed = ConsultFactsSchema.safeParse(hints.facts);
  const facts = parsed.success ? parsed.data : ConsultFactsSchema.parse({ output_type: 'concept_explanation' });
  const tool = TOOL_FOR[facts.output_type];
  const measured = facts.tool_results.findLast(({ name }) => name === tool);
  if (tool !== undefined && offered.has(tool) && measured === undefined && typeof facts.file_name === 'string') {
    const requirements = tool === 'check_suitability' && facts.task_requirements !== undefined ? { task_requirements: facts.task_requirements } : {};
    return { name: tool, input: { file_name: facts.file_name, ...requirements } };
  }
  return { name: 'finish', input: { output: outputOf(facts, hints, measured?.result) } };
}

function outputOf(facts: ConsultFacts, hints: OfflineHints, measured: unknown): object {
  const common = { output_type: facts.output_type, info_gain: measured !== undefined, confidence: measured === undefined ? 'low' : 'high' };
  const result = typeof measured === 'object' && measured !== null ? measured : {};
  switch (facts.output_type) {
    case 'suitability_judgment': return { ...common, knowledge_sources: [], ...suitability(result, hints) };
    case 'dataset_overview_report':
      return {
        ...common, knowledge_sources: [],
        summary: '', columns: [], row_count: 0, duplicate_rows: 0, overall_missing_rate: 0, ...pick(result, OVERVIEW_FIELDS),
      };
    case 'schema_analysis': return { ...common, knowledge_sources: [], schema: pick(result, ['columns']) };
    case 'error_diagnosis': return { ...common, knowledge_sources: [], ...errorDiagnosis(hints) };
    case 'validation_report':
      return { ...common, knowledge_sources: [], is_valid: hints.lastRun?.ok === true, validation_details: hints.lastRun?.stdout ?? '' };
    default: return { ...common, ...concept(facts, hints) };
  }
}

const OVERVIEW_FIELDS = ['summary', 'columns', 'row_count', 'duplicate_rows', 'overall_missing_rate'];

function suitability(result: object, hints: OfflineHints): object {
  const found = pick(result, ['is_suitable', 'blocking_issues', 'warning_issues', 'evidence']);
  const isSuitable = (found as { is_suitable?: unknown }).is_suitable === true;
  return {
    is_suitable: false, blocking_issues: [], warning_issues: [], ...found,
    answer_summary: isSuitable
      ? say(hints, { en: 'The file fits the task.', zh: '这个文件适合当前任务。' })
      : say(hints, { en: 'The file does not fit the task.', zh: '这个文件不适合当前任务。' }),
  };
}

function errorDiagnosis(hints: OfflineHints): object {
  const line = (hints.lastRun?.stderr ?? hints.message).trim().split('\n').at(-1) ?? '';
  return {
    error_root_cause: line === '' ? say(hints, { en: 'no error message was given', zh: '没有给出报错信息' }) : line,
    explanation: say(hints, { en: 'The last line of the message names the cause.', zh: '报错的最后一行说明了原因。' }),
    suggested_fix_direction: say(hints, { en: 'Compare the name or value in that line with the code.', zh: '把那一行里的名字或值和代码对照。' }),
  };
}

// The knowledge file that speaks most of the question; its first paragraph is the definition.
function concept(facts: ConsultFacts, hints: OfflineHints): object {
  const wanted = `${facts.concept} ${facts.question} ${hints.message}`.toLowerCase();
  const score = (name: string): number => name.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word.length > 2 && wanted.includes(word)).length;
  const best = facts.knowledge.toSorted((first, second) => score(second.name) - score(first.name))[0];
  const paragraph = best?.text.split(/\n\s*\n/).map((text) => text.trim()).find((text) => text !== '' && !text.startsWith('#')) ?? '';
  const definition = paragraph === '' ? say(hints, { en: 'The knowledge of this expert does not cover it.', zh: '专家的资料里没有这个内容。' }) : paragraph.slice(0, 600);
  return {
    concept_name: facts.concept === '' ? (best?.name ?? 'concept') : facts.concept,
    definition,
    answer_summary: definition,
    knowledge_sources: best === undefined ? [] : [{ doc: best.name, excerpt_used: definition.slice(0, 200) }],
  };
}

function pick(source: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(source).filter(([name]) => fields.includes(name)));
}
