import type { Part, Reply, ScriptedUsage } from './script.ts';

/** A rough token count by script: Latin about four characters each, Han about one. */
export function countTokens(content: string): number {
  let count = 0;
  for (const character of content) {
    const point = character.codePointAt(0) ?? 0;
    if (point < 0x80) count += 0.26;
    else if (point >= 0x2e80 && point < 0xfb00) count += 0.9;
    else count += 0.5;
  }
  return Math.max(1, Math.ceil(count));
}

/** The usage a reply reports: what the script says, the rest estimated; `truncatesAt` caps the prompt as a small window does. */
export function resolveUsage(promptText: string, reply: Reply, truncatesAt = Infinity): Required<ScriptedUsage> {
  const scripted = reply.parts.flatMap((part) => (part.kind === 'usage' ? [part.usage] : []));
  const emitted = reply.parts.map(emittedText).join('');
  return {
    prompt: Math.min(countTokens(promptText), truncatesAt),
    completion: emitted === '' ? 0 : countTokens(emitted),
    cached: 0,
    reasoning: 0,
    ...Object.assign({}, ...scripted),
  };
}

function emittedText(part: Part): string {
  if (part.kind === 'text' || part.kind === 'reasoning' || part.kind === 'refusal') return part.text;
  return part.kind === 'tool-call' ? part.name + part.argumentText : '';
}
