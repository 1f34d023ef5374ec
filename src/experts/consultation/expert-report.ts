import { firedRules, languageOf, clipCodePoints } from '../../contracts/index.ts';
import type { BindingRule, ExpertReport } from '../../contracts/index.ts';
import { isRecord } from '../../content/index.ts';
import type { ConsultationRow } from '../../store/index.ts';

const MAX_FINDINGS = 12;
const FINDING_FIELDS = [
  'blocking_issues', 'warning_issues', 'type_issues', 'missing_elements', 'key_points', 'common_pitfalls', 'recommendations', 'use_cases',
];
const SUMMARY_FIELDS = [
  'answer_summary', 'summary', 'error_root_cause', 'definition', 'analogy_description', 'explanation', 'validation_details',
];
const STEP_FIELDS = ['recommended_next_step', 'suggested_fix_direction', 'recommended_action'];
const FACT_FIELDS = ['row_count', 'duplicate_rows', 'overall_missing_rate', 'is_suitable', 'is_valid', 'confidence', 'schema'];

/** What the report of an answered consultation says, from its record alone. */
export type ReportBody = Omit<ExpertReport, 'report_id' | 'consultation_id' | 'user_turn_index' | 'expert_id' | 'created_at'>;

/** Writes a report without a model. */
export function createReport(row: Pick<ConsultationRow, 'expert_id' | 'body'>, facts: { rules: readonly BindingRule[]; related: readonly string[] }): ReportBody | null {
  const { output, envelope, executions, language } = row.body;
  if (!isRecord(output) || !isRecord(envelope)) return null;
  const bound = firedRules(facts.rules, { expert_id: row.expert_id, output });
  const findings = FINDING_FIELDS.flatMap((name) => wordsOf(output[name])).slice(0, MAX_FINDINGS);
  const body = {
    scenario_id: String(envelope['scenario_id'] ?? ''), title: String(envelope['consulting_letter_title'] ?? ''),
    binding_effect: bound.some(({ set }) => set.lock_until !== undefined) ? 'abort_task_path' as const : 'none' as const,
    summary: firstText(output, SUMMARY_FIELDS) || clipCodePoints(findings.join('; '), 600) || verdict(output, String(language ?? 'en')), key_findings: findings,
    evidence: evidenceOf(output), implication_for_next_step: firstText(output, STEP_FIELDS), expert_sources: Array.isArray(output['knowledge_sources']) ? output['knowledge_sources'] : [],
    related_consultation_ids: [...facts.related], executions: Array.isArray(executions) ? executions.map(String) : [],
  };
  return { ...body, markdown: markdownOf(body, String(language ?? 'en')) };
}

function firstText(output: Record<string, unknown>, names: readonly string[]): string {
  const found = names.map((name) => output[name]).find((value) => typeof value === 'string' && value.trim() !== '');
  return typeof found === 'string' ? found : '';
}

/** A judgement of which nobody wrote a sentence still says how it came out. */
function verdict(output: Record<string, unknown>, language: string): string {
  const holds = output['is_suitable'] ?? output['is_valid'];
  if (typeof holds !== 'boolean') return '';
  return languageOf(language) === 'zh' ? (holds ? '检查通过。' : '检查未通过。') : (holds ? 'The check was passed.' : 'The check was not passed.');
}

function wordsOf(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  return value.map((item) => clipCodePoints(typeof item === 'string' ? item : JSON.stringify(item), 300));
}

function evidenceOf(output: Record<string, unknown>): Record<string, unknown> {
  const facts = Object.fromEntries(FACT_FIELDS.filter((name) => output[name] !== undefined).map((name) => [name, output[name]]));
  return isRecord(output['evidence']) ? { ...facts, ...output['evidence'] } : facts;
}

const WORDS = {
  en: { findings: 'Findings', step: 'Next step', effect: 'The task waits until this is solved.' },
  zh: { findings: '主要发现', step: '下一步', effect: '问题解决前，任务暂停。' },
};

function markdownOf(body: Omit<ReportBody, 'markdown'>, language: string): string {
  const words = WORDS[languageOf(language)];
  const line = (text: string): string => text.replace(/\s+/g, ' ').replace(/[<>]/g, (character) => `\\${character}`);
  return [
    `# ${line(body.title)}`, '', line(body.summary),
    ...(body.binding_effect === 'none' ? [] : ['', `**${words.effect}**`]),
    ...(body.key_findings.length === 0 ? [] : ['', `## ${words.findings}`, '', ...body.key_findings.map((finding) => `- ${line(finding)}`)]),
    ...(body.implication_for_next_step === '' ? [] : ['', `## ${words.step}`, '', line(body.implication_for_next_step)]), '',
  ].join('\n');
}

/** `report_<turn>_<number in the turn>`. */
export function reportId(turnIndex: number, number: number): string {
  return `report_${String(turnIndex).padStart(4, '0')}_${String(number).padStart(2, '0')}`;
}
