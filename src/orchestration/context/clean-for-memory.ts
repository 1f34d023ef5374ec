import { clipCodePoints } from '../../contracts/index.ts';
import { hasForbiddenMarkup } from '../reading/index.ts';

const TAGS = 'think|thinking|reasoning|tool_calls?|tool_use|tool_result|tool_response|function_calls?|invoke';
const CLOSED_BLOCK = new RegExp(`<(${TAGS})\\b[^>]*>[\\s\\S]*?</\\1\\s*>`, 'gi');
const BEFORE_CLOSE = new RegExp(`^[\\s\\S]*</(?:${TAGS})\\s*>`, 'i');
const AFTER_OPEN = new RegExp(`<(?:${TAGS})\\b[\\s\\S]*$`, 'i');
const SPECIAL_TOKEN = /<\|[a-z_]+\|>|\[\/?(?:TOOL_CALLS|INST)\]/gi;
const MARKER_LINE = /^[^\S\n]*\\?@@.*$/gm;

/**
 * A text as it may be remembered: without reasoning, tool markup and protocol markers, at most `limit` code points. A block that was
 * opened and never closed takes everything after it along. Empty when nothing is left or when doubt remains.
 */
export function cleanForMemory(text: string, limit = Infinity): string {
  const clean = text
    .replace(CLOSED_BLOCK, '')
    .replace(BEFORE_CLOSE, '')
    .replace(AFTER_OPEN, '')
    .replace(SPECIAL_TOKEN, '')
    .replace(MARKER_LINE, '')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
  if (hasForbiddenMarkup(clean)) return '';
  return Number.isFinite(limit) ? clipCodePoints(clean, limit).trimEnd() : clean;
}
