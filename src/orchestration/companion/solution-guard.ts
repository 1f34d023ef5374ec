import type { Language } from '../../contracts/index.ts';
import { closesFence, type Fence } from './line-words.ts';
import { codeTokens } from './solution-tokens.ts';
import type { TextFilter } from './text-filter.ts';

/**
 * How much code a reply may show. `core`: blocks are held and measured against the chapter's reference solutions, given as token
 * sets. `helper`: set-up code is allowed, labelled and bounded. `open`: nothing is guarded.
 */
export type SolutionPolicy = { kind: 'core'; references: readonly ReadonlySet<string>[] } | { kind: 'helper' } | { kind: 'open' };

/** The filter that withholds solutions; `hasWithheld` becomes true with the first note. */
export interface SolutionGuard extends TextFilter { readonly hasWithheld: boolean }

const HOLD_MS = 3000;
const LINES = { core: 15, helper: 50, open: Number.POSITIVE_INFINITY } as const;
const OVERLAP = 0.6;
/** Smaller references are met by any mention of the topic. */
const MIN_REFERENCE = 4;

const NOTES: Readonly<Record<Language, string>> = {
  en: 'Code withheld: it comes close to a full solution. Write your version first; we look at it together.',
  zh: '这段代码已接近完整答案，先不展示。请先写出你自己的版本，我们再一起看。',
};
const HELPER_NOTES: Readonly<Record<Language, string>> = {
  en: 'The rest of this helper code is left out: it is longer than 50 lines.',
  zh: '辅助代码超过 50 行，其余部分已省略。',
};
const LABELS: Readonly<Record<Language, string>> = {
  en: 'Helper code for the set-up, not part of the task:',
  zh: '环境准备用的辅助代码，不属于任务本身：',
};

const LINE_START = /^[ \t>]*(?:(?:[-*+]|\d{1,3}[.)]?)[ \t]*)?(?:`{0,2}|~{0,2})$/;
const FENCE_START = /^([ \t>]*(?:(?:[-*+]|\d{1,3}[.)])[ \t]+)?)(`{3,}|~{3,})(.*)$/;

/** Creates the guard of one reply. Lines are counted over the whole reply; blank ones do not count. */
export function createSolutionGuard(policy: SolutionPolicy, language: Language): SolutionGuard {
  return new BlockGuard(policy, language);
}

class BlockGuard implements SolutionGuard {
  hasWithheld = false;
  private readonly policy: SolutionPolicy;
  private readonly language: Language;
  private mode: 'start' | 'text' | 'block' | 'withheld' = 'start';
  private line = '';
  private fence: Fence = { mark: '`', length: 3 };
  private indent = '';
  /** What of the block waits, opener first; empty once it was shown. */
  private opener = '';
  private held: string[] = [];
  private openedAt = 0;
  private isDripping = false;
  private shownLines = 0;
  private shownTokens = new Set<string>();

  constructor(policy: SolutionPolicy, language: Language) {
    this.policy = policy;
    this.language = language;
  }

  get dueAt(): number | null {
    return this.mode === 'block' && !this.isDripping ? this.openedAt + HOLD_MS : null;
  }

  push(text: string, nowMs: number): string {
    if (this.policy.kind === 'open') return text;
    let out = this.tick(nowMs);
    for (let at = 0; at < text.length; at += 1) out += this.next(text.charAt(at), nowMs);
    return out;
  }

  tick(nowMs: number): string {
    const due = this.dueAt;
    if (due === null || nowMs < due) return '';
    this.isDripping = true;
    return this.drip();
  }

  end(_nowMs: number): string {
    const { mode, line } = this;
    this.line = '';
    this.mode = 'text';
    if (mode === 'text') return '';
    if (mode === 'start') return line;
    const isClosed = closesFence(unquote(line), this.fence);
    if (mode === 'withheld') return '';
    if (!isClosed && line !== '') this.held.push(line);
    const out = this.closeBlock(isClosed ? line : null);
    // The last line did not end.
    return line === '' ? out : out.replace(/\n$/, '');
  }

  private next(unit: string, nowMs: number): string {
    if (this.mode === 'text') {
      if (unit === '\n') this.mode = 'start';
      return unit;
    }
    if (unit !== '\n') {
      this.line += unit;
      return this.mode === 'start' ? this.decideStart() : '';
    }
    const { line } = this;
    this.line = '';
    if (this.mode === 'start') return this.closeStart(line, nowMs);
    const isClosed = closesFence(unquote(line), this.fence);
    if (this.mode === 'withheld') {
      if (isClosed) this.mode = 'start';
      return isClosed ? '\n\n' : '';
    }
    if (isClosed) return this.closeBlock(line);
    this.held.push(line);
    return this.isDripping ? this.drip() : '';
  }

  private decideStart(): string {
    if (LINE_START.test(this.line) || FENCE_START.test(this.line)) return '';
    const { line } = this;
    this.line = '';
    this.mode = 'text';
    return line;
  }

  private closeStart(line: string, nowMs: number): string {
    const [, prefix = '', marks = '', info = ''] = FENCE_START.exec(line) ?? [];
    if (marks === '' || (marks.startsWith('`') && info.includes('`'))) return `${line}\n`;
    this.mode = 'block';
    this.openedAt = nowMs;
    this.isDripping = this.policy.kind === 'helper';
    this.fence = { mark: marks.charAt(0), length: marks.length };
    this.indent = prefix.replaceAll(/[^\s>]/g, ' ');
    this.opener = `${line}\n`;
    this.held = [];
    return '';
  }

  /** Shows the held lines one by one, as far as they may be shown. */
  private drip(): string {
    let out = '';
    const lines = this.held;
    this.held = [];
    for (const line of lines) {
      if (!this.mayShow([line])) return out + this.withhold();
      out += `${this.takeOpener()}${line}\n`;
      this.count([line]);
    }
    return out;
  }

  /** The whole block is there: all that was not shown is shown or withheld together. */
  private closeBlock(closer: string | null): string {
    this.mode = 'start';
    const lines = this.held;
    this.held = [];
    if (this.isDripping) {
      this.held = lines;
      const shown = this.drip();
      // `drip` may have withheld the tail; then the block was closed by the note.
      if (this.isWithheld()) {
        this.mode = 'start';
        return closer === null ? shown : `${shown}\n\n`;
      }
      return `${shown}${this.takeOpener()}${closer === null ? '' : `${closer}\n`}`;
    }
    if (!this.mayShow(lines)) return closer === null ? this.withhold() : `${this.withholdClosed()}\n\n`;
    this.count(lines);
    return `${this.takeOpener()}${lines.map((line) => `${line}\n`).join('')}${closer === null ? '' : `${closer}\n`}`;
  }

  private isWithheld(): boolean {
    return this.mode === 'withheld';
  }

  private withholdClosed(): string {
    const note = this.withhold();
    this.mode = 'start';
    return note;
  }

  private withhold(): string {
    this.mode = 'withheld';
    this.hasWithheld = true;
    this.held = [];
    const note = `${this.indent}> ${(this.policy.kind === 'helper' ? HELPER_NOTES : NOTES)[this.language]}`;
    if (this.opener !== '') {
      this.opener = '';
      return note;
    }
    return `${this.indent}${this.fence.mark.repeat(this.fence.length)}\n\n${note}`;
  }

  private takeOpener(): string {
    const { opener } = this;
    this.opener = '';
    if (opener === '' || this.policy.kind !== 'helper') return opener;
    return `${this.indent}> ${LABELS[this.language]}\n\n${opener}`;
  }

  private mayShow(lines: readonly string[]): boolean {
    if (this.shownLines + countCode(lines) > LINES[this.policy.kind]) return false;
    if (this.policy.kind !== 'core') return true;
    const tokens = this.shownTokens.union(codeTokens(lines.join('\n')));
    return !this.policy.references.some((reference) => overlap(tokens, reference) >= OVERLAP);
  }

  private count(lines: readonly string[]): void {
    this.shownLines += countCode(lines);
    this.shownTokens = this.shownTokens.union(codeTokens(lines.join('\n')));
  }
}

function countCode(lines: readonly string[]): number {
  return lines.filter((line) => line.trim() !== '').length;
}

/** How much of a reference the shown code gives away. */
function overlap(tokens: ReadonlySet<string>, reference: ReadonlySet<string>): number {
  if (reference.size < MIN_REFERENCE) return 0;
  let shared = 0;
  for (const token of reference) if (tokens.has(token)) shared += 1;
  return shared / reference.size;
}

/** In a quoted block the closing fence is quoted too. */
function unquote(line: string): string {
  return line.replace(/^[ \t>]+/, '');
}
