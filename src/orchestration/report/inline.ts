/** A text as one line of Markdown: it can neither open a section nor load an image. */
export function inline(text: string): string {
  return text.replace(/\s+/g, ' ').trim().replace(/!\[/g, '[').replace(/^(?:#{1,6}|>|[-*+]|\d{1,3}[.)])\s+/, '').replace(/<(?=[A-Za-z/!])/g, '&lt;');
}
