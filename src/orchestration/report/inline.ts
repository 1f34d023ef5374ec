/** A target that is no web address could run something; an entity could spell one. */
const UNSAFE_TARGET = /\]\(\s*(?!https?:\/\/)[^)]*[:&][^)]*\)/gi;

/** A text as one line of Markdown: it can neither open a section nor load an image nor link to a script. */
export function inline(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim().replace(/!\[/g, '[').replace(UNSAFE_TARGET, ']');
  const bare = line.replace(/^(?:#{1,6}|>|[-*+]|\d{1,3}[.)])\s+/, '').replace(/^(\[[^\]]*\]):/, '$1 :');
  return bare.replace(/<(?=[A-Za-z/!])/g, '&lt;');
}

/** A longer text as a part of a page: its headings stay below ours, and it holds no image, tag or script link. */
export function passage(text: string): string {
  return text
    .replace(/^ {0,3}#{1,3}\s+/gm, '#### ')
    .replace(/^ {0,3}(?:=+|-{2,})[ \t]*$/gm, '')
    .replace(/!\[/g, '[')
    .replace(UNSAFE_TARGET, ']')
    .replace(/<(?=[A-Za-z/!])/g, '&lt;');
}
