/** The text without differences of case, width and spacing; equal folds mean the same words. */
export function foldText(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/[\s\u200B-\u200D\u2060\uFEFF]+/gu, '');
}

const MARKUP = /<\/?\s*(?:think|thinking|reasoning|reflection|tool_?calls?|tool_?use|tool_?result|function_?calls?|invoke|parameter)\b[^>]*>?|<\|[^|]*\|>|(?:^|\n)[ \t]*@@|@@(?:judge?ment|record|end)\b/i;

/** True for a text without reasoning tags, tool markup or protocol markers; only such text is remembered. */
export function isCleanText(text: string): boolean {
  return !MARKUP.test(text);
}
