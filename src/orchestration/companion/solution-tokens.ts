const COMMON = new Set('and as assert break class continue def del elif else except false finally for from if import in is lambda none not or pass print raise return self true try while with yield'.split(' '));
const MAX_TEXT = 400_000;

/** The distinct names, numbers and words of code; comments and what every program holds are left out. */
export function codeTokens(code: string): Set<string> {
  const bare = code.slice(0, MAX_TEXT).replaceAll(/(^|\s)#[^\n]*/g, '$1');
  const words = bare.normalize('NFKC').match(/[\p{L}_][\p{L}\p{N}_]*|\d+(?:\.\d+)?/gu) ?? [];
  return new Set(words.map((word) => word.toLowerCase()).filter((word) => !COMMON.has(word)));
}

/** The tokens of a reference solution: a program, a notebook, or a text with code blocks. */
export function solutionTokens(text: string): Set<string> {
  return codeTokens(codeOf(text.slice(0, MAX_TEXT)));
}

function codeOf(text: string): string {
  if (/^\s*\{/.test(text)) return notebookCode(text) ?? text;
  const blocks = [...text.matchAll(/^[ \t]*(`{3,}|~{3,})[^\n]*\n([\s\S]*?)^[ \t]*\1/gm)].map((block) => block[2] ?? '');
  return blocks.length > 0 ? blocks.join('\n') : text;
}

function notebookCode(text: string): string | null {
  try {
    const notebook: unknown = JSON.parse(text);
    const cells = typeof notebook === 'object' && notebook !== null && 'cells' in notebook ? notebook.cells : null;
    return Array.isArray(cells) ? cells.map(cellCode).join('\n') : null;
  } catch {
    // Not a notebook: the text is taken as it is.
    return null;
  }
}

function cellCode(cell: unknown): string {
  if (typeof cell !== 'object' || cell === null || !('cell_type' in cell) || cell.cell_type !== 'code' || !('source' in cell)) return '';
  const { source } = cell;
  return Array.isArray(source) ? source.filter((line) => typeof line === 'string').join('') : typeof source === 'string' ? source : '';
}
