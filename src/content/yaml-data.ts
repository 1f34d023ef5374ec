import { isScalar, parseDocument, visit } from 'yaml';
import type { Document } from 'yaml';

/** YAML as plain data, or the reason why it is none. */
export type YamlResult = { kind: 'data'; value: unknown } | { kind: 'invalid'; reason: string };

/** Reads YAML with the core schema: no tags that construct things, no aliases, no repeated keys. */
export function readYamlData(text: string): YamlResult {
  try {
    const document = parseDocument(text, { schema: 'core', uniqueKeys: false, strict: true, merge: false, logLevel: 'silent' });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) return { kind: 'invalid', reason: firstLine(problem.message) };
    const repeated = repeatedKey(document);
    if (repeated !== null) return { kind: 'invalid', reason: `key ${repeated} stands twice` };
    // A count of 0 switches aliases off altogether.
    return { kind: 'data', value: document.toJS({ maxAliasCount: 0 }) };
  } catch (error) {
    // Aliases and deep nesting end in the parser's own exceptions; for content all of them mean the same.
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

/** A key that a mapping repeats, or null. The parser's own check compares every key with every other, too slow for hostile texts. */
function repeatedKey(document: Document): string | null {
  let repeated: string | null = null;
  visit(document, {
    Map(_key, map) {
      const seen = new Set<string>();
      for (const { key } of map.items) {
        const name = String(isScalar(key) ? key.value : key);
        if (seen.has(name)) repeated ??= name.slice(0, 100);
        seen.add(name);
      }
      return repeated === null ? undefined : visit.BREAK;
    },
  });
  return repeated;
}

function firstLine(message: string): string {
  return message.split('\n', 1)[0]?.replace(/:$/, '') ?? message;
}
