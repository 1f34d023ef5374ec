/** A target that is no web address could run something; an entity could spell one. */
const UNSAFE_TARGET = /\]\(\s*(?!https?:\/\/)[^)]*[:&][^)]*\)/gi;

/** A text as one line of Markdown: it can neither open a section nor load an image nor link to a script. */
export function inline(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().replace(/!\[/g, '[').replace(UNSAFE_TARGET, ']');
  const bare = line.replace(/^(?:#{1,6}|>|[-*+]|\d{1,3}[.)])\s+/, '').replace(/^(\[[^\]]*\]):/, '$1 :');
  return bare.replace(/<(?=[A-Za-z/!])/g, '&lt;');
}
