import type { ModelRequest } from './port.ts';

const LATIN_CHARACTERS_PER_TOKEN = 3.6;
const HAN_CHARACTERS_PER_TOKEN = 1.1;
const OTHER_CHARACTERS_PER_TOKEN = 2;
/** Role markers and separators that every message costs beside its text. */
const TOKENS_PER_MESSAGE = 4;

/** Tokens of a text, estimated by script and multiplied by what was learnt about the model; a whole number. */
export function estimateTokens(text: string, factor: number): number {
  return Math.ceil(rawTokens(text) * factor);
}

/** Tokens of everything a request sends: messages, tool calls, tool definitions, schema. */
export function estimateRequestTokens(request: Pick<ModelRequest, 'messages' | 'tools' | 'structure'>, factor: number): number {
  let total = 0;
  for (const message of request.messages) {
    total += TOKENS_PER_MESSAGE + rawTokens(message.content);
    if (message.role === 'assistant') for (const call of message.toolCalls ?? []) total += rawTokens(call.name) + rawTokens(call.input);
  }
  for (const tool of request.tools ?? []) total += rawTokens(tool.name) + rawTokens(tool.description) + rawTokens(JSON.stringify(tool.inputSchema));
  if (request.structure !== undefined) total += rawTokens(JSON.stringify(request.structure.schema));
  return Math.ceil(total * factor);
}

/** The estimate before rounding, so that the parts of a stream add up to the whole. */
export function rawTokens(text: string): number {
  let latin = 0;
  let han = 0;
  let other = 0;
  // By index: prompts are counted many times a turn, and an iterator makes a string of every character.
  for (let index = 0; index < text.length; index += 1) {
    const point = text.codePointAt(index) ?? 0;
    if (point > 0xffff) index += 1;
    if (point < 0x250) latin += 1;
    else if (isHan(point)) han += 1;
    else other += 1;
  }
  return latin / LATIN_CHARACTERS_PER_TOKEN + han / HAN_CHARACTERS_PER_TOKEN + other / OTHER_CHARACTERS_PER_TOKEN;
}

function isHan(point: number): boolean {
  return (point >= 0x2e80 && point <= 0x2fdf) || (point >= 0x3400 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff)
    || (point >= 0x20000 && point <= 0x3ffff);
}
