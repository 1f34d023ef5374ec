import { createScanFilter, type Decision, type Position, type TextFilter } from './text-filter.ts';

const HOLD_MS = 3000;
const MAX_IMAGE = 1000;
const MAX_TAG = 300;
const MAX_TARGET = 500;
const HOLD: Decision = { kind: 'hold' };
const KEEP: Decision = { kind: 'keep' };
/** With a blank behind it a `<` is text everywhere. */
const TEXT: Decision = { kind: 'replace', length: 1, text: '< ' };

/** Elements that load, run, ask or hide something even without attributes. */
const ACTIVE = new Set((
  'applet area audio base body button canvas dialog embed form frame frameset head html iframe image img input link map marquee math meta '
  + 'noembed noframes noscript object option picture plaintext portal script select slot source style svg template textarea title track video xmp'
).split(' '));
const SCHEMES = ['javascript:', 'vbscript:'];
const UNSAFE_TARGET = /^(?:javascript|vbscript|data|file):/;

/**
 * Makes what a renderer could act on inert: remote images become links, tags that load or run become text (a blank after `<` is text
 * in prose, in code and in plain view alike), script links lose their target. Code is treated like prose, because what a renderer
 * takes for code cannot be known.
 */
export function createMarkupFilter(): TextFilter {
  return createScanFilter((position) => {
    switch (position.text.charAt(position.at).toLowerCase()) {
      case '!': return decideImage(position);
      case '<': return decideTag(position);
      case ']': return decideTarget(position);
      case 'j':
      case 'v': return decideScheme(position);
      default: return KEEP;
    }
  }, HOLD_MS);
}

function swap(length: number, text: string): Decision {
  return { kind: 'replace', length, text };
}

/** Only the `!` is decided; what follows it is then read as a link. */
function decideImage({ text, at, previous, isFinal, isLate }: Position): Decision {
  if (at + 1 === text.length) return isFinal ? KEEP : HOLD;
  if (text.charAt(at + 1) !== '[') return KEEP;
  const rest = text.slice(at, at + MAX_IMAGE);
  const undecided = rest.length < MAX_IMAGE && !isFinal && !isLate ? HOLD : swap(1, '! ');
  const altEnd = endOfBrackets(rest, 1, '[]');
  if (altEnd === 'never') return swap(1, '! ');
  if (altEnd === 'open' || altEnd === rest.length) return undecided;
  // References and bare brackets: their target may stand anywhere.
  if (rest.charAt(altEnd) !== '(') return swap(1, '! ');
  const end = endOfBrackets(rest, altEnd, '()');
  if (end === 'never') return swap(1, '! ');
  if (end === 'open') return undecided;
  if (isLocalImage(rest.slice(2, altEnd - 1), rest.slice(altEnd + 1, end - 1))) return swap(end, rest.slice(0, end));
  // `!![…](…)` must not become an image again.
  return swap(1, previous === '!' ? ' ' : '');
}

/** Offset after the bracket that closes the one at `start`; `open` when it may still come, `never` behind a blank line. */
function endOfBrackets(text: string, start: number, pair: '[]' | '()'): number | 'open' | 'never' {
  let depth = 0;
  for (let at = start; at < text.length; at += 1) {
    const character = text.charAt(at);
    if (character === '\n' && text.charAt(at - 1) === '\n') return 'never';
    if (character === '\\') at += 1;
    else if (character === pair.charAt(0)) depth += 1;
    else if (character === pair.charAt(1)) {
      depth -= 1;
      if (depth === 0) return at + 1;
    }
  }
  return 'open';
}

function isLocalImage(alt: string, target: string): boolean {
  return /^[^`<>[\]\\!\n]*$/.test(alt) && /^[\p{L}\p{N}_.-][\p{L}\p{N}_./ %-]*$/u.test(target) && !target.includes('//');
}

function decideTag({ text, at, isFinal, isLate }: Position): Decision {
  const rest = text.slice(at, at + MAX_TAG);
  const undecided = rest.length < MAX_TAG && !isFinal && !isLate ? HOLD : TEXT;
  if (/^<[!?]/.test(rest)) return TEXT;
  if (/^<\/?$/.test(rest)) return isFinal ? KEEP : HOLD;
  const address = /^<[a-z][a-z0-9+.-]*:[^\s<>[\]]*/i.exec(rest);
  // A blank in a script scheme would turn the rest of the address into attributes.
  if (/^<(?:java|vb)script:/i.test(rest)) return TEXT;
  if (address !== null) return decideAddress(rest.charAt(address[0].length), undecided);
  const [opening, name = ''] = /^<\/?([a-z][\w.@+-]*)/i.exec(rest) ?? [];
  if (opening === undefined) return KEEP;
  const after = rest.charAt(opening.length);
  if (after === '') return undecided;
  if (!/[\s/>]/.test(after) || ACTIVE.has(name.toLowerCase())) return TEXT;
  if (after === '>') return KEEP;
  const end = rest.search(/[>\n]/);
  if (end < 0) return undecided;
  return rest.charAt(end) === '\n' || rest.slice(0, end).includes('=') ? TEXT : KEEP;
}

/** `<https://…>` stays a link. */
function decideAddress(after: string, undecided: Decision): Decision {
  if (after === '') return undecided;
  return after === '>' ? KEEP : TEXT;
}

/** The target of a link or of a reference: `](…` and `]: …`. */
function decideTarget({ text, at, isFinal, isLate }: Position): Decision {
  if (at + 1 === text.length) return isFinal ? KEEP : HOLD;
  const rest = text.slice(at, at + MAX_TARGET);
  const match = /^\]([(:])[ \t]*\n?[ \t]*(<[^<>\n]*|[^\s)<>]*)/.exec(rest);
  if (match === null) return KEEP;
  const [found, opener, target = ''] = match;
  const mayGrow = found.length === rest.length && rest.length < MAX_TARGET && !isFinal;
  if (mayGrow && !isLate) return HOLD;
  // A `>` stays where it is: it may end a tag that was let through because of it.
  if (UNSAFE_TARGET.test(plainTarget(target))) return swap(found.length, `]${opener === '(' ? '(' : ': '}${target.startsWith('<') ? '<' : ''}#`);
  // Late: a blank before the bracket or colon makes it plain text, whatever still comes.
  return mayGrow ? swap(1, '] ') : KEEP;
}

/** A target as a browser reads it: escapes and entities resolved, control characters and blanks gone, lower case. */
function plainTarget(target: string): string {
  return target
    .replace(/^</, '')
    .replaceAll(/\\([!-/:-@[-`{-~])/g, '$1')
    .replaceAll(/&#x([\da-f]{1,6});?/gi, (_match, hex: string) => characterOf(Number.parseInt(hex, 16)))
    .replaceAll(/&#(\d{1,7});?/g, (_match, digits: string) => characterOf(Number(digits)))
    .replaceAll(/&(?:Tab|NewLine);/gi, '')
    .replaceAll(/&colon;/gi, ':')
    .replaceAll(/[\p{Cc}\p{Cf}\s]/gu, '')
    .toLowerCase();
}

function characterOf(code: number): string {
  return code > 0 && code <= 0x10_FF_FF ? String.fromCodePoint(code) : '';
}

/** A script scheme anywhere: a blank before its colon ends every target that it could stand in. */
function decideScheme({ text, at, isFinal }: Position): Decision {
  const rest = text.slice(at, at + 'javascript:'.length).toLowerCase();
  const scheme = SCHEMES.find((word) => rest.startsWith(word));
  if (scheme !== undefined) return swap(scheme.length, `${text.slice(at, at + scheme.length - 1)} :`);
  const mayBecome = !isFinal && at + rest.length === text.length && SCHEMES.some((word) => word.startsWith(rest));
  return mayBecome ? HOLD : KEEP;
}
