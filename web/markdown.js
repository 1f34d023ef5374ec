// Markdown to a tree of plain objects: `string | {tag, children, href?, start?, language?}`. No HTML is ever parsed or made here:
// whatever the text holds stays text, tags come from the closed list below, and the only address is an http(s) link's.

/** Every tag that a tree can hold. */
export const TAGS = ['p', 'h3', 'h4', 'h5', 'ul', 'ol', 'li', 'blockquote', 'pre', 'code', 'strong', 'em', 'del', 'a', 'br', 'hr',
  'table', 'thead', 'tbody', 'tr', 'th', 'td'];

const MAX_DEPTH = 6;
const FENCE = /^ {0,3}(`{3,}|~{3,})\s*([\w+#.-]*)[^`]*$/;
const HEADING = /^ {0,3}(#{1,6})\s+(.+?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])(?:\s*\1){2,}\s*$/;
const ITEM = /^(\s*)([-*+]|\d{1,9}[.)])\s+(.*)$/;
const QUOTE = /^ {0,3}>\s?(.*)$/;
const TABLE_RULE = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

const node = (tag, children, more = {}) => ({ tag, children, ...more });

/** The tree of a text. Unfinished text, as it streams in, gives a sensible tree too. */
export function parseMarkdown(text) {
  return raiseHeadings(parseBlocks(text.replaceAll('\r\n', '\n').replaceAll('\t', '    ').split('\n'), 0));
}

/** Headings begin at h3, below the page's own, whichever level the text begins with. */
function raiseHeadings(blocks) {
  const levels = blocks.map(({ tag }) => Number(/^h([3-5])$/.exec(tag)?.[1] ?? Infinity));
  const lift = Math.min(...levels) - 3;
  if (lift === 0 || !Number.isFinite(lift)) return blocks;
  return blocks.map((block, index) => (Number.isFinite(levels[index]) ? { ...block, tag: `h${levels[index] - lift}` } : block));
}

function parseBlocks(lines, depth) {
  const blocks = [];
  let at = 0;
  while (at < lines.length) {
    if (lines[at].trim() === '') {
      at += 1;
      continue;
    }
    const block = readBlock(lines, at, depth);
    blocks.push(block.node);
    at = block.next;
  }
  return blocks;
}

function readBlock(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line)) return readFence(lines, at);
  const heading = HEADING.exec(line);
  if (heading !== null) {
    const level = Math.min(heading[1].length + 2, 5);
    return { node: node(`h${level}`, parseInline(heading[2])), next: at + 1 };
  }
  if (RULE.test(line)) return { node: node('hr', []), next: at + 1 };
  if (depth < MAX_DEPTH && QUOTE.test(line)) return readQuote(lines, at, depth);
  if (depth < MAX_DEPTH && ITEM.test(line)) return readList(lines, at, depth);
  if (line.includes('|') && TABLE_RULE.test(lines[at + 1] ?? '') && lines[at + 1].includes('-')) return readTable(lines, at);
  return readParagraph(lines, at);
}

function readFence(lines, at) {
  const [, mark, language] = FENCE.exec(lines[at]);
  const body = [];
  let next = at + 1;
  const isEnd = (line) => line.trim().startsWith(mark) && line.trim().replaceAll(mark[0], '') === '';
  while (next < lines.length && !isEnd(lines[next])) {
    body.push(lines[next]);
    next += 1;
  }
  const more = language === '' ? {} : { language };
  return { node: node('pre', [node('code', [body.join('\n')])], more), next: Math.min(next + 1, lines.length) };
}

function readQuote(lines, at, depth) {
  const body = [];
  let next = at;
  for (let match; next < lines.length && (match = QUOTE.exec(lines[next])) !== null; next += 1) body.push(match[1]);
  return { node: node('blockquote', parseBlocks(body, depth + 1)), next };
}

function readList(lines, at, depth) {
  const [, indent, mark] = ITEM.exec(lines[at]);
  const isOrdered = /\d/.test(mark);
  const items = [];
  let next = at;
  while (next < lines.length) {
    const match = ITEM.exec(lines[next]);
    if (match === null || match[1].length < indent.length || match[1].length > indent.length + 1 || /\d/.test(match[2]) !== isOrdered) break;
    const item = readItem(lines, next, match);
    items.push(node('li', unwrap(parseBlocks(item.body, depth + 1))));
    next = item.next;
  }
  const first = isOrdered ? Number.parseInt(mark, 10) : 1;
  return { node: node(isOrdered ? 'ol' : 'ul', items, isOrdered && first !== 1 ? { start: first } : {}), next };
}

/** The lines of one item: its own, lazy continuations, and everything indented below it. */
function readItem(lines, at, [, indent, mark, head]) {
  const inner = indent.length + mark.length + 1;
  const body = [head];
  let next = at + 1;
  for (; next < lines.length; next += 1) {
    const line = lines[next];
    const lead = line.length - line.trimStart().length;
    const isBlank = line.trim() === '';
    if (isBlank && !/^\s{2,}\S/.test(lines[next + 1] ?? '')) break;
    if (!isBlank && lead < 2 && (ITEM.test(line) || startsBlock(line))) break;
    if (!isBlank && lead <= indent.length + 1 && ITEM.test(line)) break;
    if (!isBlank && lead < 2 && body.at(-1)?.trim() === '') break;
    body.push(line.slice(Math.min(lead, inner)));
  }
  return { body, next: skipBlanksBeforeItem(lines, next) };
}

function skipBlanksBeforeItem(lines, at) {
  let next = at;
  while (next < lines.length && lines[next].trim() === '') next += 1;
  return next < lines.length && ITEM.test(lines[next]) ? next : at;
}

/** An item that is one paragraph needs no paragraph around its text. */
function unwrap(blocks) {
  const [first, ...rest] = blocks;
  return first !== undefined && first.tag === 'p' ? [...first.children, ...rest] : blocks;
}

function readTable(lines, at) {
  const cells = (line) => line.trim().replace(/^\|/, '').replace(/(?<!\\)\|$/, '').split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'));
  const row = (line, tag) => node('tr', cells(line).map((cell) => node(tag, parseInline(cell))));
  const body = [];
  let next = at + 2;
  for (; next < lines.length && lines[next].includes('|'); next += 1) body.push(row(lines[next], 'td'));
  return { node: node('table', [node('thead', [row(lines[at], 'th')]), node('tbody', body)]), next };
}

const startsBlock = (line) => FENCE.test(line) || HEADING.test(line) || RULE.test(line) || QUOTE.test(line);

function readParagraph(lines, at) {
  const keepBreak = (line) => `${line.trim()}${line.endsWith('  ') ? '  ' : ''}`;
  const body = [keepBreak(lines[at])];
  let next = at + 1;
  for (; next < lines.length && lines[next].trim() !== '' && !startsBlock(lines[next]) && !ITEM.test(lines[next]); next += 1) {
    body.push(keepBreak(lines[next]));
  }
  return { node: node('p', parseInline(body.join('\n').trimEnd())), next };
}

// In this order: what stands earlier wins at the same place. Every repetition is bounded by a delimiter that it cannot contain.
const INLINE = [
  { find: /(?<!`)(`{1,3})(?!`)([^`]+)\1(?!`)/g, make: ([, , code]) => node('code', [code.trim() === '' ? code : code.trim()]) },
  { find: /\\([\\`*_{}[\]()#+\-.!|~<>])/g, make: ([, character]) => character },
  { find: /!?\[([^[\]\n]{1,400})\]\(([^()\s]{1,2000})\)/g, make: (match) => makeLink(match) },
  { find: /\*\*(?=\S)([^*]+?)(?<=\S)\*\*|(?<!\w)__(?=\S)([^_]+?)(?<=\S)__(?!\w)/g, make: ([, a, b]) => node('strong', parseInline(a ?? b)) },
  { find: /~~(?=\S)([^~]+?)(?<=\S)~~/g, make: ([, text]) => node('del', parseInline(text)) },
  { find: /\*(?=\S)([^*\n]+?)(?<=\S)\*|(?<!\w)_(?=\S)([^_\n]+?)(?<=\S)_(?!\w)/g, make: ([, a, b]) => node('em', parseInline(a ?? b)) },
  { find: /https?:\/\/[^\s<>()[\]`"']{1,2000}[^\s<>()[\]`"'.,;:!?]/g, make: ([address]) => makeLink([address, address, address]) },
  { find: / {2}\n/g, make: () => node('br', []) },
];

/** A link keeps its text; an address that is not http or https is dropped, an image becomes its own link. */
function makeLink([all, label, address]) {
  const href = safeAddress(address);
  if (href === null) return all;
  const text = label === address ? [label] : parseInline(label).filter((part) => typeof part === 'string' || part.tag !== 'a');
  return node('a', text, { href });
}

/** The address if it is absolute http or https without a user name, else null. */
export function safeAddress(address) {
  if (!/^https?:\/\//i.test(address)) return null;
  try {
    const url = new URL(address);
    const isPlain = (url.protocol === 'https:' || url.protocol === 'http:') && url.username === '' && url.password === '';
    return isPlain ? url.href : null;
  } catch {
    return null; // Not an address at all.
  }
}

/** The tree of one run of text. Each pattern searches on from its last match, so a long text costs one pass per pattern. */
export function parseInline(text) {
  const parts = [];
  const found = INLINE.map(() => undefined);
  let at = 0;
  for (let best = nextMatch(text, at, found); best !== null; best = nextMatch(text, at, found)) {
    if (best.match.index > at) parts.push(text.slice(at, best.match.index));
    parts.push(best.make(best.match));
    at = best.match.index + best.match[0].length;
  }
  if (at < text.length) parts.push(text.slice(at));
  return parts;
}

function nextMatch(text, at, found) {
  let best = null;
  for (const [index, { find, make }] of INLINE.entries()) {
    if (found[index] === undefined || (found[index] !== null && found[index].index < at)) {
      find.lastIndex = at;
      found[index] = find.exec(text);
    }
    const match = found[index];
    if (match !== null && (best === null || match.index < best.match.index)) best = { match, make };
  }
  return best;
}
