/** Paragraphs of a text; fenced code stays in one piece. */
export function splitParagraphs(text: string): string[] {
  return splitAt(text, (line, previous) => previous.trim() === '' && line.trim() !== '');
}

/** A text cut before each of its headings; what stands before the first heading is the first part. */
export function splitSections(text: string): string[] {
  return splitAt(text, (line) => /^ {0,3}#{1,6}\s/.test(line));
}

function splitAt(text: string, startsPart: (line: string, previous: string) => boolean): string[] {
  const parts: string[][] = [[]];
  let inFence = false;
  let previous = '';
  for (const line of text.split('\n')) {
    if (!inFence && startsPart(line, previous)) parts.push([]);
    if (/^\s*(?:```|~~~)/.test(line)) inFence = !inFence;
    parts.at(-1)?.push(line);
    previous = line;
  }
  return parts.map((lines) => lines.join('\n').trim()).filter((part) => part !== '');
}
