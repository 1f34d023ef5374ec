import type { ModelMessage, ToolCall } from '../port.ts';

/** A message after the system text was taken out. */
export type Turn =
  | { role: 'user'; content: string }
  | { role: 'assistant'; content: string; toolCalls: readonly ToolCall[] }
  | { role: 'tool'; results: readonly { toolCallId: string; name: string; content: string }[] };

/** The same conversation as every provider accepts it. */
export interface Arrangement { system: string; turns: readonly Turn[] }

const OPENING = '(The conversation goes on.)';

/**
 * Joins the leading system messages, lets roles alternate, starts and ends with the user, drops blank messages and half
 * characters. A system message further down becomes user text: chat templates allow it only in front.
 */
export function arrangeMessages(messages: readonly ModelMessage[]): Arrangement {
  const firstOther = messages.findIndex((message) => message.role !== 'system');
  const head = firstOther === -1 ? messages : messages.slice(0, firstOther);
  const turns: Turn[] = [];
  for (const message of firstOther === -1 ? [] : messages.slice(firstOther)) append(turns, message);
  if (turns[0]?.role !== 'user') turns.unshift({ role: 'user', content: OPENING });
  const last = turns.at(-1);
  if (last?.role === 'assistant' && last.toolCalls.length === 0) turns.push({ role: 'user', content: OPENING });
  return { system: head.map((message) => message.content.toWellFormed()).filter((text) => text.trim() !== '').join('\n\n'), turns };
}

function append(turns: Turn[], message: ModelMessage): void {
  const last = turns.at(-1);
  const content = message.content.toWellFormed();
  if (message.role === 'tool') {
    const result = { toolCallId: message.toolCallId, name: message.name, content };
    if (last?.role === 'tool') turns[turns.length - 1] = { role: 'tool', results: [...last.results, result] };
    else turns.push({ role: 'tool', results: [result] });
    return;
  }
  const toolCalls = message.role === 'assistant' ? (message.toolCalls ?? []) : [];
  if (content.trim() === '' && toolCalls.length === 0) return;
  if (message.role === 'assistant') {
    if (last?.role !== 'assistant' || last.toolCalls.length > 0) turns.push({ role: 'assistant', content, toolCalls });
    else turns[turns.length - 1] = { role: 'assistant', content: joined(last.content, content), toolCalls };
    return;
  }
  if (last?.role === 'user') turns[turns.length - 1] = { role: 'user', content: joined(last.content, content) };
  else turns.push({ role: 'user', content });
}

function joined(first: string, second: string): string {
  return [first, second].filter((text) => text.trim() !== '').join('\n\n');
}
