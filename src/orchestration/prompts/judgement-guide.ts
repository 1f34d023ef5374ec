import { BlockerTypeSchema, ConsultReasonSchema, SentimentSchema } from '../../contracts/index.ts';

/** The words of a skip as the companion writes them; codes stand for the reasons on the wire. */
export const SKIP_WORDS = ['', 'hinted', 'asked', 'asked:mastered', 'asked:not_interested', 'asked:too_hard', 'asked:too_wordy', 'asked:other'] as const;

/** The five routing fields as the companion writes them. */
export interface JudgementLine {
  checkpoint: boolean;
  blocker: (typeof BlockerTypeSchema.options)[number];
  sentiment: (typeof SentimentSchema.options)[number];
  consult: '' | (typeof ConsultReasonSchema.options)[number];
  skip: (typeof SKIP_WORDS)[number];
}

/** Different messages, different judgements: one that is stuck, one that has shown the target, one that wants to skip. */
export const JUDGEMENT_EXAMPLES: readonly JudgementLine[] = [
  { checkpoint: false, blocker: 'core_concept', sentiment: 'confused', consult: '', skip: '' },
  { checkpoint: true, blocker: 'none', sentiment: 'engaged', consult: '', skip: '' },
  { checkpoint: false, blocker: 'none', sentiment: 'fatigued', consult: '', skip: 'asked:too_hard' },
];

/** The line as it opens a reply. */
export function judgementLine(judgement: JudgementLine): string {
  return `@@judgement ${JSON.stringify(judgement)}`;
}

/** Keys and values of a judgement in the outline notation, generated from the vocabulary that reads it. */
export function judgementShape(): string {
  const choices = (values: readonly string[]): string => values.map((value) => JSON.stringify(value)).join(' | ');
  return `{ checkpoint: true | false, blocker: ${choices(BlockerTypeSchema.options)}, sentiment: ${choices(SentimentSchema.options)}, `
    + `consult: ${choices(['', ...ConsultReasonSchema.options])}, skip: ${choices(SKIP_WORDS)} }`;
}

/** The record as it closes a reply. */
export function recordLines(record: object): string {
  return `@@record\n${JSON.stringify(record)}\n@@end`;
}
