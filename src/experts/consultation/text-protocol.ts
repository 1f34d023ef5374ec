import type { ToolCall, ToolDefinition } from '../../models/index.ts';

/** The tools in words, for models that cannot call them: a line for each. */
export function describeTools(tools: readonly ToolDefinition[], outline: (schema: object) => string): string {
  return tools.map(({ name, description, inputSchema }) =>
    `- \`${name}\`: ${description}\n  input: ${name === 'finish' ? '{ output: the object that the question asks for }' : outline(inputSchema)}`).join('\n');
}

/** A call written as text: the first object with a tool's name. Null when there is none. */
export function readTextCall(text: string, id: string): ToolCall | null {
  for (let start = text.indexOf('{'); start >= 0; start = text.indexOf('{', start + 1)) {
    const end = closingBrace(text, start);
    const call = end < 0 ? null : callOf(text.slice(start, end + 1), id);
    if (call !== null) return call;
  }
  return null;
}

function callOf(json: string, id: string): ToolCall | null {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null; // Another brace may open the object that is meant.
  }
  if (typeof value !== 'object' || value === null) return null;
  const { tool, name, input, arguments: given } = value as Record<string, unknown>; // proof: tested in the line above
  const called = typeof tool === 'string' ? tool : typeof name === 'string' && (input !== undefined || given !== undefined) ? name : null;
  if (called === null) return null;
  const content = input ?? given ?? {};
  return { id, name: called, input: typeof content === 'string' ? content : JSON.stringify(content) };
}

/** The brace that closes the one at `start`, or -1; braces inside texts do not count. */
function closingBrace(text: string, start: number): number {
  let depth = 0;
  let isText = false;
  for (let index = start; index < text.length; index += 1) {
    const character = text[index];
    if (isText) {
      if (character === '\\') index += 1;
      else if (character === '"') isText = false;
    } else if (character === '"') isText = true;
    else if (character === '{') depth += 1;
    else if (character === '}') {
      depth -= 1;
      if (depth === 0) return index;
    }
  }
  return -1;
}
