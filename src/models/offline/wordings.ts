import type { OfflineHints } from '../port.ts';

/** A text in both languages of the tutor. */
export interface Bilingual { zh: string; en: string }

/** Picks the language of a call. */
export function say(hints: Pick<OfflineHints, 'language'>, text: Bilingual): string {
  return isChinese(hints) ? text.zh : text.en;
}

/** Whether this call is answered in Chinese. */
export function isChinese(hints: Pick<OfflineHints, 'language'>): boolean {
  return hints.language.toLowerCase().startsWith('zh');
}

const SKIP = /跳过|略过|换一?(个|道)(任务|题)|下一(个|道)?(任务|题)|不想(做|学|写)(这|了)|\bskip\b|\bnext task\b|\bmove on\b|\bpass on this\b|(do not|don['’]?t) want to (do|finish) (this|it)/i;
const NOT_SKIP = /(不要|别|不想|不用|不能|先不)跳过|(do not|don['’]?t|not|never|without|no need to)\s+(want to\s+|going to\s+)?skip|\b(what|which|when)\b[^.!?]{0,30}\bnext task|下一(个|道)?(任务|题)[^。！？]{0,6}(什么|啥|哪)/i;
const SKIP_REASONS: readonly (readonly [string, RegExp])[] = [
  ['mastered', /已经?(会|掌握|学过|懂)|早就会|太简单|already (know|learned|learnt|did|done|can)|too easy|mastered/i],
  ['not_interested', /(不|没)(感)?兴趣|没意思|无聊|boring|bored|not interest/i],
  ['too_hard', /太难|做不(出|来)|too (hard|difficult)|can['’]?t (do|solve) (it|this)/i],
  ['too_wordy', /啰嗦|罗嗦|太长|废话|too (wordy|long|much text)/i],
];
const FRUSTRATION = /(?<!麻)烦|崩溃|受不了|气死|放弃|太难了|还是不(行|对|会)|又(错|报错)|frustrat|annoy|give up|hate (this|it)|ridiculous|nothing works|still (wrong|not work|broken|fail)|doesn['’]?t work again|stupid/i;
const FATIGUE = /好累|太累|累了|困了|tired|exhausted|worn out/i;
const ERROR_TEXT = /Traceback \(most recent|\b[A-Z]\w*(Error|Exception)\b|报错|错误信息|出错|error message/;
const QUESTION = /[?？]|为什么|怎么|如何|什么(是|叫|意思)|是什么|不懂|不明白|不理解|没看懂|\b(what|why|how|which|explain)\b|(do not|don['’]?t) (understand|get)/i;
const ANALYSIS = /分析(一下)?(我的|这个|这份)?(数据|表|文件)|看看(我的|这个|这份)(数据|表|文件)|(analy[sz]e|look at|inspect|check) (my|this|the) (data|table|file|csv)/i;

/** What a learner's words say, by plain word lists. */
export interface ReadWords {
  skip: '' | 'asked' | `asked:${string}`;
  isFrustrated: boolean;
  isTired: boolean;
  isQuestion: boolean;
  hasErrorText: boolean;
  wantsAnalysis: boolean;
}

/** Reads a message; after the tutor asked why, a reason alone counts as the wish to skip. */
export function readWords(message: string, isAwaitingReason: boolean): ReadWords {
  const reason = SKIP_REASONS.find(([, pattern]) => pattern.test(message))?.[0] ?? null;
  const wantsSkip = (SKIP.test(message) && !NOT_SKIP.test(message)) || (isAwaitingReason && reason !== null);
  return {
    skip: !wantsSkip ? '' : reason === null ? 'asked' : `asked:${reason}`,
    isFrustrated: FRUSTRATION.test(message),
    isTired: FATIGUE.test(message),
    isQuestion: QUESTION.test(message),
    hasErrorText: ERROR_TEXT.test(message),
    wantsAnalysis: ANALYSIS.test(message),
  };
}
