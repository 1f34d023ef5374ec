const STOP_WORDS: ReadonlySet<string> = new Set([
  'that', 'this', 'with', 'from', 'have', 'should', 'shows', 'show', 'print', 'prints', 'learner', 'their', 'your', 'each', 'what', 'which', 'and', 'the',
]);
const MIN_WORDS = 3;
const MIN_WORD_SHARE = 0.6;
const MIN_PAIRS = 4;
const MIN_PAIR_SHARE = 0.5;

/** Whether a text holds what a target asks for: its literals if it names any, else most of its words or pairs of Han characters. */
export function matchesTarget(text: string, target: string): boolean {
  const folded = fold(text);
  const literals = literalsOf(target);
  if (literals.length > 0) return literals.every((literal) => folded.includes(fold(literal)));
  // Not folded: without its spaces an English sentence is one word.
  const words = (target.normalize('NFKC').toLowerCase().match(/[a-z_]{4,}/g) ?? []).filter((word) => !STOP_WORDS.has(word));
  if (words.length >= MIN_WORDS) return share(words, folded) >= MIN_WORD_SHARE;
  const pairs = pairsOf(target);
  return pairs.length >= MIN_PAIRS && share(pairs, folded) >= MIN_PAIR_SHARE;
}

/** Results that a target names: values in code marks, and numbers of two or more digits. Names of files and functions are no results. */
function literalsOf(target: string): string[] {
  const marked = [...target.matchAll(/`([^`]+)`/g)].map((match) => match[1] ?? '').filter((literal) => /^[\s()[\]\d,.%-]+$/.test(literal));
  if (marked.length > 0) return marked;
  return target.replaceAll(/`[^`]*`/g, ' ').match(/\b\d{2,}(\.\d+)?\b/g) ?? [];
}

function pairsOf(text: string): string[] {
  return [...text.matchAll(/\p{Script=Han}+/gu)].flatMap(([run]) => {
    const characters = [...run];
    return characters.slice(1).map((character, index) => `${characters[index] ?? ''}${character}`);
  });
}

function share(items: readonly string[], text: string): number {
  return items.filter((item) => text.includes(item)).length / items.length;
}

function fold(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll(/\s+/g, '');
}
