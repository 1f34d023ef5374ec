import { clipCodePoints } from '../../contracts/index.ts';
import { estimateRequestTokens } from '../../models/index.ts';
import type { ModelMessage, ToolCall, ToolDefinition } from '../../models/index.ts';

/** What was said so far, whatever way the model calls tools. */
export type DialogueEntry =
  | { kind: 'reply'; text: string; calls: readonly ToolCall[] }
  | { kind: 'result'; call: ToolCall; content: string }
  | { kind: 'note'; content: string };

/** What a request may take. */
export interface DialogueBudget { tokens: number; factor: number; tools: readonly ToolDefinition[] }

const SHORT_STEPS = [12_000, 4_000, 1_000, 200];
const CUT = '\n[…]\n';

/** Foreign text between delimiters with the id of the call, so that no text can close its own block or start a marker line. */
export function wrapResult(text: string, block: { boundary: string; origin: string }): string {
  const safe = text.replaceAll(block.boundary, '…').replace(/^([\t \u200b\ufeff]*)@@/gm, '$1\\@@');
  return `<<<data ${block.boundary} | ${block.origin}>>>\n${safe}\n<<<end ${block.boundary}>>>`;
}

/** The messages of the next call. The oldest results are shortened first until everything fits. */
export function composeMessages(opening: readonly ModelMessage[], entries: readonly DialogueEntry[], budget: DialogueBudget & { isNative: boolean }): ModelMessage[] {
  const compose = (shown: readonly DialogueEntry[]): ModelMessage[] =>
    [...opening, ...(budget.isNative ? nativeMessages(shown) : textMessages(shown))];
  let shown = [...entries];
  for (const limit of SHORT_STEPS) {
    for (const [index, entry] of shown.entries()) {
      if (estimateRequestTokens({ messages: compose(shown), tools: budget.tools }, budget.factor) <= budget.tokens) return compose(shown);
      if (entry.kind !== 'note') shown = shown.with(index, shorten(entry, limit));
    }
  }
  return compose(shown);
}

function shorten(entry: DialogueEntry, limit: number): DialogueEntry {
  if (entry.kind === 'result') return { ...entry, content: shortenBlock(entry.content, limit) };
  if (entry.kind === 'reply') return { ...entry, text: shortenText(entry.text, limit) };
  return entry;
}

/** The delimiters stay, the middle goes. */
function shortenBlock(content: string, limit: number): string {
  const lines = content.split('\n');
  const [first = '', last = ''] = [lines[0], lines.at(-1)];
  if (!first.startsWith('<<<data ') || lines.length < 3) return shortenText(content, limit);
  return `${first}\n${shortenText(lines.slice(1, -1).join('\n'), limit)}\n${last}`;
}

function shortenText(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const head = clipCodePoints(text, Math.floor(limit * 0.7));
  return `${head}${CUT}${text.slice(-Math.floor(limit * 0.3))}`;
}

function nativeMessages(entries: readonly DialogueEntry[]): ModelMessage[] {
  return entries.map((entry): ModelMessage => {
    if (entry.kind === 'reply') return { role: 'assistant', content: entry.text, ...(entry.calls.length === 0 ? {} : { toolCalls: entry.calls }) };
    if (entry.kind === 'result') return { role: 'tool', toolCallId: entry.call.id, name: entry.call.name, content: entry.content };
    return { role: 'user', content: entry.content };
  });
}

/** Replies as the protocol wants them, results and notes as the other side's words; neighbours are joined. */
function textMessages(entries: readonly DialogueEntry[]): ModelMessage[] {
  const messages: ModelMessage[] = [];
  for (const entry of entries) {
    const role = entry.kind === 'reply' ? 'assistant' as const : 'user' as const;
    const content = entry.kind === 'reply' ? replyText(entry) : entry.kind === 'result' ? `Result of ${entry.call.name}:\n${entry.content}` : entry.content;
    const last = messages.at(-1);
    if (last?.role === role) messages[messages.length - 1] = { role, content: `${last.content}\n\n${content}` };
    else messages.push({ role, content });
  }
  return messages;
}

function replyText({ text, calls }: Extract<DialogueEntry, { kind: 'reply' }>): string {
  if (calls.length === 0) return text === '' ? '(empty)' : text;
  return calls.map((call) => `{"tool": ${JSON.stringify(call.name)}, "input": ${call.input === '' ? '{}' : call.input}}`).join('\n');
}
