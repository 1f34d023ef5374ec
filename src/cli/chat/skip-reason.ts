import type { SkipReason, SkipRequest } from '../../contracts/index.ts';

/** Words for each reason, the first one as it is shown to people. */
const WORDS: Readonly<Record<Exclude<SkipReason, '其他'>, readonly [string, ...string[]]>> = {
  已掌握: ['known', 'mastered', 'done', 'i know it'],
  不感兴趣: ['not interested', 'boring', 'uninterested'],
  太难了: ['too hard', 'hard', 'too difficult', 'difficult'],
  太啰嗦: ['too wordy', 'wordy', 'too long'],
};

/** The reasons that `/skip` takes, for people. */
export const SKIP_REASONS = [...Object.entries(WORDS).map(([reason, [word]]) => `${word} (${reason})`), 'other … (其他 …)'].join(', ');

/** Reads what stands behind `/skip`: nothing, a reason in English or Chinese, or `other` with own words; null for anything else. Pure. */
export function readSkipReason(text: string): SkipRequest | null {
  const words = text.trim();
  if (words === '') return {};
  const own = /^(?:other|其他)(?:[\s:：,，]+(?<said>.*))?$/isu.exec(words)?.groups;
  if (own !== undefined) return { reason: '其他', reason_text: own['said']?.trim() ?? '' };
  const wanted = words.toLowerCase();
  const found = Object.entries(WORDS).find(([reason, names]) => reason === wanted || names.includes(wanted));
  return found === undefined ? null : { reason: found[0] };
}
