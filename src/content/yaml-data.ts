import { isAlias, parseDocument, visit } from 'yaml';

/** YAML as plain data, or the reason why it is none. */
export type YamlResult = { kind: 'data'; value: unknown } | { kind: 'invalid'; reason: string };

/** Reads YAML with the core schema: no tags that construct things, no aliases, no repeated keys. */
export function readYamlData(text: string): YamlResult {
  try {
    const document = parseDocument(text, { schema: 'core', uniqueKeys: true, strict: true, merge: false, logLevel: 'silent' });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) return { kind: 'invalid', reason: firstLine(problem.message) };
    let hasAlias = false;
    visit(document, (_key, node) => {
      if (!isAlias(node)) return undefined;
      hasAlias = true;
      return visit.BREAK;
    });
    if (hasAlias) return { kind: 'invalid', reason: 'aliases are not allowed' };
    return { kind: 'data', value: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    // Deep nesting ends in the parser's own exceptions; for content all of them mean the same.
    return { kind: 'invalid', reason: firstLine(error instanceof Error ? error.message : 'unreadable') };
  }
}

/** Splits a leading `---` block from a text. The block is data; what is no YAML mapping stays part of the text. */
export function splitFrontMatter(text: string): { attributes: Record<string, unknown>; body: string } {
  const match = /^---[ \t]*\n([\s\S]*?)\n---[ \t]*(?:\n|$)/.exec(text);
  if (match === null) return { attributes: {}, body: text };
  const result = readYamlData(match[1] ?? '');
  if (result.kind === 'invalid' || !isRecord(result.value)) return { attributes: {}, body: text };
  return { attributes: result.value, body: text.slice(match[0].length).replace(/^\n+/, '') };
}

/** True for a plain object of data. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.replace(/:$/, '') ?? message;
}
