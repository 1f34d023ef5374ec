import * as z from 'zod';
import { BindingRuleSchema, EXPERT_ID_PATTERN } from '../../contracts/index.ts';
import type { BindingRule } from '../../contracts/index.ts';
import { isRecord, readYamlData } from '../../content/index.ts';
import type { SessionContent } from '../../content/index.ts';
import { importLegacyRules } from './import-legacy-rules.ts';
import type { UnparsedRule } from './import-legacy-rules.ts';
import { readTriggers } from './triggers.ts';
import type { Trigger } from './triggers.ts';

/** How a chapter consults. */
export interface ChapterConsultation {
  experts: readonly string[];
  /** Consultations per turn, 1 to 3. */
  roundsPerTurn: number;
  triggers: readonly Trigger[];
  /** Typed rules in file order, imported ones after them. */
  rules: readonly BindingRule[];
  mustConsult: readonly string[];
  mustNotConsult: readonly string[];
  unparsed: readonly UnparsedRule[];
  /** What is wrong with the configuration, in words without a path. */
  problems: readonly string[];
}

const MAX_ROUNDS = 3;
const MAX_ITEMS = 64;
const lines = z.array(z.string().trim().min(1)).max(MAX_ITEMS).catch([]);
const expertIds = z.array(z.string().regex(EXPERT_ID_PATTERN)).min(1).max(MAX_ITEMS);
const version = z.string().regex(/^\d+\.\d+(\.\d+)?$/);

/** What a chapter says about consulting; without a configuration its declared experts may be asked. An id of null fits every configuration. */
export function readChapterConsultation(
  content: { chapter: Pick<SessionContent['chapter'], 'consultation_config' | 'declared_experts'>; chapter_id: string | null },
): ChapterConsultation {
  const { consultation_config: config, declared_experts: declared } = content.chapter;
  if (config === null) return { ...silent([]), experts: declared };
  const data = readYamlData(config);
  if (data.kind === 'invalid') return silent([`consultation_config.yaml: ${data.reason}`]);
  return readConsultationConfig(data.value, content.chapter_id);
}

/** Reads a configuration from plain data. One that names no expert counts as none; a broken trigger or rule is left out alone. */
export function readConsultationConfig(value: unknown, chapterId: string | null): ChapterConsultation {
  const experts = isRecord(value) ? expertIds.safeParse(value['available_experts']) : null;
  if (!isRecord(value) || experts === null || !experts.success) return silent(['consultation_config.yaml: available_experts must name at least one expert']);
  const problems = headProblems(value, chapterId);
  const bindings = isRecord(value['binding_rules']) ? value['binding_rules'] : {};
  const triggers = readTriggers(value['triggers'], problems);
  const typed = readRules(bindings['rules']);
  const legacy = importLegacyRules(bindings['expert_judgment_binding']);
  const rules = [...typed.rules, ...legacy.rules];
  problems.push(...strangers(experts.data, { triggers, rules }));
  return {
    experts: [...new Set(experts.data)], roundsPerTurn: readRounds(value['multi_consultation_policy']), triggers,
    rules, mustConsult: lines.parse(bindings['must_consult'] ?? []),
    mustNotConsult: lines.parse(bindings['must_not_consult'] ?? []), unparsed: [...typed.unparsed, ...legacy.unparsed], problems,
  };
}

function silent(problems: string[]): ChapterConsultation {
  return { experts: [], roundsPerTurn: 1, triggers: [], rules: [], mustConsult: [], mustNotConsult: [], unparsed: [], problems };
}

/** Triggers and rules about experts that the chapter does not offer can never take effect. */
function strangers(experts: readonly string[], { triggers, rules }: Pick<ChapterConsultation, 'triggers' | 'rules'>): string[] {
  const isStrange = (id: string | undefined): id is string => id !== undefined && !experts.includes(id);
  return [
    ...triggers.filter(({ expert_id: id }) => isStrange(id)).map(({ on, expert_id: id }) => `trigger ${on}: ${id} is not in available_experts`),
    ...rules.filter(({ when }) => isStrange(when.expert_id)).map(({ name, when }) => `rule ${name}: ${when.expert_id ?? ''} is not in available_experts`),
  ];
}

function headProblems(value: Record<string, unknown>, chapterId: string | null): string[] {
  const problems: string[] = [];
  const named = value['chapter_id'];
  if (typeof named !== 'string') problems.push('chapter_id is missing');
  else if (chapterId !== null && named !== chapterId && named !== chapterId.split('/').at(-1)) problems.push(`chapter_id is ${JSON.stringify(named.slice(0, 128))}, not this chapter's`);
  if (!version.safeParse(value['version']).success) problems.push('version must be a text such as "1.0"');
  return problems;
}

function readRounds(policy: unknown): number {
  const rounds = isRecord(policy) ? Number(policy['max_rounds_per_user_turn']) : Number.NaN;
  return Number.isFinite(rounds) ? Math.min(MAX_ROUNDS, Math.max(1, Math.floor(rounds))) : 1;
}

function readRules(value: unknown): { rules: BindingRule[]; unparsed: UnparsedRule[] } {
  const rules: BindingRule[] = [];
  const unparsed: UnparsedRule[] = [];
  for (const [index, item] of (Array.isArray(value) ? value : []).slice(0, MAX_ITEMS).entries()) {
    const parsed = BindingRuleSchema.safeParse(item);
    const name = isRecord(item) && typeof item['name'] === 'string' ? item['name'] : `rule ${index + 1}`;
    if (!parsed.success) unparsed.push({ name, reason: `${parsed.error.issues[0]?.path.join('.') ?? ''}: ${parsed.error.issues[0]?.message ?? 'invalid'}` });
    else if (Object.keys(parsed.data.set).length === 0) unparsed.push({ name, reason: 'the rule sets nothing' });
    else rules.push(parsed.data);
  }
  return { rules, unparsed };
}
