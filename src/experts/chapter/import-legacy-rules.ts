import { BindingRuleSchema, EXPERT_ID_PATTERN } from '../../contracts/index.ts';
import type { BindingRule } from '../../contracts/index.ts';
import { isRecord } from '../../content/index.ts';

/** A rule that could not be taken over whole, and why. */
export interface UnparsedRule { name: string; reason: string }

/** What the sentences of older chapters became. */
export interface ImportedRules { rules: BindingRule[]; unparsed: UnparsedRule[] }

const MAX_RULES = 64;

/** Reads `expert_judgment_binding` of older chapters: `{name: {condition, enforcement}}`. A rule maps completely or not at all. */
export function importLegacyRules(value: unknown): ImportedRules {
  const imported: ImportedRules = { rules: [], unparsed: [] };
  for (const [name, rule] of Object.entries(isRecord(value) ? value : {}).slice(0, MAX_RULES)) {
    const result = importRule(name, rule);
    if (typeof result === 'string') imported.unparsed.push({ name, reason: result });
    else imported.rules.push(result);
  }
  return imported;
}

function importRule(name: string, rule: unknown): BindingRule | string {
  if (!isRecord(rule) || typeof rule['condition'] !== 'string') return 'condition is missing';
  const enforcement = Array.isArray(rule['enforcement']) ? rule['enforcement'].join('；') : rule['enforcement'];
  if (typeof enforcement !== 'string') return 'enforcement is missing';
  const when = readCondition(rule['condition']);
  if (when === null) return 'the condition has a form that is not known';
  const set = readEnforcement(enforcement);
  if (typeof set === 'string') return set;
  const parsed = BindingRuleSchema.safeParse({ name, when, set });
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}`;
}

const FIELD = String.raw`[A-Za-z_]\w*(?:\.[A-Za-z_]\w*){0,2}`;
const HEAD = String.raw`^\s*(?:(?<expert>[a-z][a-z0-9_-]{1,63}?)\s*(?=返回|\s))?\s*(?:返回\s*)?(?<field>${FIELD})\s*`;
const NUMBER = String.raw`(?<number>-?\d+(?:\.\d+)?%?)`;
const COMPARISON = new RegExp(String.raw`${HEAD}(?<op>>=|<=|==|!=|>|<|=|≥|≤|≠|＝|＞|＜)\s*(?:${NUMBER}|["'‘’“”]?(?<word>[A-Za-z_]\w*)["'‘’“”]?)\s*[。.]?\s*$`);
const NON_EMPTY = new RegExp(String.raw`${HEAD}非空\s*[。.]?\s*$`);
const OPERATORS: Readonly<Record<string, BindingRule['when']['op']>> = {
  '=': 'eq', '==': 'eq', '＝': 'eq', '!=': 'ne', '≠': 'ne', '>': 'gt', '＞': 'gt', '>=': 'gte', '≥': 'gte', '<': 'lt', '＜': 'lt', '<=': 'lte', '≤': 'lte',
};

function readCondition(condition: string): BindingRule['when'] | null {
  const nonEmpty = NON_EMPTY.exec(condition)?.groups;
  if (nonEmpty !== undefined) return { ...expertOf(nonEmpty), field: nonEmpty['field'] ?? '', op: 'nonempty' };
  const found = COMPARISON.exec(condition)?.groups;
  const op = OPERATORS[found?.['op'] ?? ''];
  if (found === undefined || op === undefined) return null;
  const base = { ...expertOf(found), field: found['field'] ?? '', op };
  const { number, word = '' } = found;
  if (number !== undefined) return { ...base, value: number.endsWith('%') ? Number(number.slice(0, -1)) / 100 : Number(number) };
  if (op !== 'eq' && op !== 'ne') return null;
  const folded = word.toLowerCase();
  return { ...base, value: folded === 'true' || folded === 'false' ? folded === 'true' : word };
}

function expertOf(groups: Record<string, string | undefined>): { expert_id?: string } {
  const expert = groups['expert'];
  return expert !== undefined && EXPERT_ID_PATTERN.test(expert) ? { expert_id: expert } : {};
}

const QUOTED = String.raw`(?:'([^']*)'|"([^"]*)"|‘([^’]*)’|“([^”]*)”)`;
const ASSIGN = String.raw`\s*[=＝]\s*`;
const TEXT_FIELDS = new RegExp(String.raw`(lock_until|current_focus|guidance_for_ca)${ASSIGN}${QUOTED}`, 'g');
const FLAG = new RegExp(String.raw`allow_setup_helper_code${ASSIGN}(true|false)(?!\w)`, 'gi');
const TARGETS = new RegExp(String.raw`(?:recommended_targets|must_check)${ASSIGN}[[［]([^\]］]*)[\]］]`, 'g');
const ANY_FIELD = /lock_until|current_focus|guidance_for_ca|allow_setup_helper_code|recommended_targets|must_check/;
/** Words that only join assignments and say nothing of their own. */
const JOINING = /RMA|CA|必须|需要|需|应该|应当|应|将|把|设置|设为|并且|并|且|和|以及|同时|在|中|里|为|即|指令包|instruction[_ ]packet|must|should|set|and|the|to|in|[\s,，;；、.。:：()（）]/gi;

function readEnforcement(enforcement: string): Partial<Record<string, unknown>> | string {
  const set: Record<string, unknown> = {};
  let rest = enforcement;
  const take = (pattern: RegExp, use: (match: RegExpMatchArray) => void): void => {
    rest = rest.replace(pattern, (...match: unknown[]) => {
      use(match.slice(0, -2).map((part) => (part === undefined ? undefined : String(part))) as RegExpMatchArray);
      return ' ';
    });
  };
  take(TEXT_FIELDS, (match) => { set[match[1] ?? ''] = firstText(match.slice(2)); });
  take(FLAG, (match) => { set['allow_setup_helper_code'] = match[1]?.toLowerCase() === 'true'; });
  take(TARGETS, (match) => { set['recommended_targets'] = [...(match[1] ?? '').matchAll(new RegExp(QUOTED, 'g'))].map((item) => firstText(item.slice(1))); });
  const told = /guidance_for_ca/.test(rest) ? rest.indexOf('要求CA') : -1;
  if (told >= 0) {
    set['guidance_for_ca'] = rest.slice(told).trim();
    rest = rest.slice(0, told).replace('guidance_for_ca', ' ');
  }
  if (Object.keys(set).length === 0) return 'the enforcement names no action';
  const known = ANY_FIELD.exec(rest);
  if (known !== null) return `${known[0]} has a form that is not known`;
  const other = rest.replace(JOINING, '');
  return other === '' ? set : `the enforcement says more than can be mapped: ${JSON.stringify(other.slice(0, 60))}`;
}

function firstText(parts: readonly (string | undefined)[]): string {
  return parts.find((part) => part !== undefined)?.trim() ?? '';
}
