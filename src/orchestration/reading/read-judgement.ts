import { BlockerTypeSchema, ConsultReasonSchema, type Judgement, SentimentSchema, type SkipReason } from '../../contracts/index.ts';
import { createJudgement } from '../state/index.ts';
import { type CoercionLog, coerceBoolean, coerceOption, createCoercionLog, foldWord } from './coerce.ts';
import { readLoose } from './read-loose.ts';

/** The five keys of a judgement as the model writes them. */
export const JUDGEMENT_KEYS = ['checkpoint', 'blocker', 'sentiment', 'consult', 'skip'] as const;

/** A judgement is always usable; `keys` counts how many of the five were there. */
export interface JudgementReading { value: Judgement; keys: number; problems: string[]; coerced: boolean }

const SKIP_REASONS: Readonly<Record<string, SkipReason>> = {
  mastered: '已掌握', not_interested: '不感兴趣', too_hard: '太难了', too_wordy: '太啰嗦', other: '其他',
  已掌握: '已掌握', 不感兴趣: '不感兴趣', 太难了: '太难了', 太啰嗦: '太啰嗦', 其他: '其他',
};
const WRITTEN_SKIP = /^(?:|hinted|asked(?::[^\s:]+)?)$/;
const NOTHING = new Set(['', 'none', 'no', 'null', 'false', 'n/a', '无', '否']);

/** Reads the five routing fields; each broken one takes its default alone. */
export function readJudgement(raw: string): JudgementReading {
  const reading = readLoose(raw);
  const log = createCoercionLog();
  log.coercions.push(...reading.notes);
  const value = reading.value;
  const keys = value === null ? 0 : JUDGEMENT_KEYS.filter((key) => rawOf(value, key) !== undefined).length;
  if (value === null || keys === 0) return { value: createJudgement(), keys: 0, problems: ['judgement: not readable'], coerced: false };
  const field = <T>(key: string, fallback: T, read: (raw: unknown) => T | undefined): T => take(log, { key, raw: rawOf(value, key), fallback }, read);
  const skip = field('skip', { skip: 'no', skip_reason: null }, readSkip);
  const judgement: Judgement = {
    checkpoint: field('checkpoint', false, coerceBoolean),
    blocker: field('blocker', 'none', (raw) => BlockerTypeSchema.safeParse(isNothing(raw) ? 'none' : coerceOption(raw, BlockerTypeSchema.options)).data),
    sentiment: field('sentiment', 'engaged', (raw) => SentimentSchema.safeParse(coerceOption(raw, SentimentSchema.options)).data),
    consult: field('consult', '', readConsult),
    ...skip,
    source: 'model',
  };
  const rawSkip = value['skip'];
  if (rawSkip !== undefined && !WRITTEN_SKIP.test(String(rawSkip))) log.coercions.push(`skip: read as ${skip.skip}`);
  const known = new Set<string>(JUDGEMENT_KEYS);
  const unknown = Object.keys(value).some((key) => !known.has(key));
  const coerced = log.coercions.length > 0 || log.problems.length > 0 || unknown;
  return { value: { ...judgement, source: coerced ? 'coerced' : 'model' }, keys, problems: log.problems, coerced };
}

function rawOf(value: Readonly<Record<string, unknown>>, key: string): unknown {
  if (Object.hasOwn(value, key)) return value[key];
  return key === 'skip' && Object.hasOwn(value, 'skip_requested') ? value['skip_requested'] : undefined;
}

function take<T>(log: CoercionLog, { key, raw, fallback }: { key: string; raw: unknown; fallback: T }, read: (raw: unknown) => T | undefined): T {
  if (raw === undefined) return fallback;
  const found = raw === null ? undefined : read(raw);
  if (found === undefined) log.problems.push(`${key}: default`);
  else if (typeof found !== 'object' && found !== raw) log.coercions.push(`${key}: read as ${String(found)}`);
  return found ?? fallback;
}

function isNothing(raw: unknown): boolean {
  return raw === false || (typeof raw === 'string' && NOTHING.has(raw.trim().toLowerCase()));
}

function readConsult(raw: unknown): Judgement['consult'] | undefined {
  if (isNothing(raw)) return '';
  return ConsultReasonSchema.safeParse(coerceOption(raw, ConsultReasonSchema.options)).data;
}

function readSkip(raw: unknown): Pick<Judgement, 'skip' | 'skip_reason'> | undefined {
  if (isNothing(raw)) return { skip: 'no', skip_reason: null };
  if (raw === true) return { skip: 'asked', skip_reason: null };
  if (typeof raw !== 'string') return undefined;
  const [word = '', ...rest] = raw.normalize('NFKC').split(':');
  switch (foldWord(word)) {
    case 'hinted': return { skip: 'hinted', skip_reason: null };
    case 'asked':
    case 'true':
    case 'yes': return { skip: 'asked', skip_reason: skipReasonOf(rest.join(':')) };
    default: return undefined;
  }
}

function skipReasonOf(code: string): SkipReason | null {
  const word = foldWord(code);
  return Object.hasOwn(SKIP_REASONS, word) ? SKIP_REASONS[word] ?? null : null;
}
