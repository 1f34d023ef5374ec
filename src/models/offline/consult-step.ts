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
    case 'analogy': return { ...common, ...analogy(facts, hints) };
    case 'code_example': return { ...common, ...codeExample(facts, hints) };
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

interface Knowledge { name: string; text: string; paragraphs: string[] }

/** The knowledge file that speaks most of the question. */
function bestKnowledge(facts: ConsultFacts, hints: OfflineHints): Knowledge | null {
  const wanted = `${facts.concept} ${facts.question} ${hints.message}`.toLowerCase();
  const score = (name: string): number => name.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((word) => word.length > 2 && wanted.includes(word)).length;
  const best = facts.knowledge.toSorted((first, second) => score(second.name) - score(first.name))[0];
  if (best === undefined) return null;
  const prose = best.text.replaceAll(FENCE, '\n\n');
  return { ...best, paragraphs: prose.split(/\n\s*\n/).map((text) => text.trim()).filter((text) => text !== '' && !text.startsWith('#')) };
}

const FENCE = /^```[^\n]*\n([\s\S]*?)^```[ \t]*$/gm;
const COMPARING = /\b(?:as if|imagine|think of|similar to|is like|are like|works like)\b|好比|就像|想象|比作|相当于/i;

/** Names the concept and its source; the first paragraph is the definition. */
function concept(facts: ConsultFacts, hints: OfflineHints): object {
  const best = bestKnowledge(facts, hints);
  const definition = best?.paragraphs[0]?.slice(0, 600) ?? notCovered(hints);
  return { ...named(facts, best, definition), definition, answer_summary: definition };
}

/** The paragraph that compares; without one the plain definition, and it says so. */
function analogy(facts: ConsultFacts, hints: OfflineHints): object {
  const best = bestKnowledge(facts, hints);
  const found = best?.paragraphs.find((text) => COMPARING.test(text))?.slice(0, 600);
  const told = found ?? best?.paragraphs[0]?.slice(0, 600) ?? notCovered(hints);
  const limits = found === undefined ? say(hints, { en: 'The knowledge of this expert holds no comparison.', zh: '专家的资料里没有现成的类比。' }) : '';
  return { ...named(facts, best, told), analogy_description: told, answer_summary: told, limitations: limits };
}

/** The first program of the knowledge file; without one a comment that says so. */
function codeExample(facts: ConsultFacts, hints: OfflineHints): object {
  const best = bestKnowledge(facts, hints);
  const code = [...(best?.text ?? '').matchAll(FENCE)].map(([, body = '']) => body.trimEnd()).find((body) => body.trim() !== '');
  const explanation = best?.paragraphs[0]?.slice(0, 600) ?? notCovered(hints);
  const none = say(hints, { en: '# the knowledge of this expert holds no program', zh: '# 专家的资料里没有示例代码' });
  return { ...named(facts, best, explanation), example_code: code?.slice(0, 4000) ?? none, explanation, answer_summary: explanation };
}

function named(facts: ConsultFacts, best: Knowledge | null, excerpt: string): object {
  return {
    concept_name: facts.concept === '' ? (best?.name ?? 'concept') : facts.concept,
    knowledge_sources: best === null ? [] : [{ doc: best.name, excerpt_used: excerpt.slice(0, 200) }],
  };
}

function notCovered(hints: OfflineHints): string {
  return say(hints, { en: 'The knowledge of this expert does not cover it.', zh: '专家的资料里没有这个内容。' });
}

function pick(source: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(source).filter(([name]) => fields.includes(name)));
}
