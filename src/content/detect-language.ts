const HAN_SHARE = 0.2;
const LANGUAGE_TAG = /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$/;

/** `zh-Hans` when at least a fifth of the letters are Han, else `en`. */
export function detectLanguage(texts: readonly string[]): 'zh-Hans' | 'en' {
  const count = (pattern: RegExp): number => texts.reduce((sum, text) => sum + (text.match(pattern)?.length ?? 0), 0);
  const letters = count(/\p{L}/gu);
  return letters > 0 && count(/\p{Script=Han}/gu) / letters >= HAN_SHARE ? 'zh-Hans' : 'en';
}

/** True for a language tag such as `en` or `zh-Hans`. */
export function isLanguageTag(tag: string): boolean {
  return LANGUAGE_TAG.test(tag);
}
