import type { JsonObject } from '../connection/jupyter-message.ts';
import { countAt, invalidNotebook, joinText, objectAt } from './notebook-values.ts';

/** Reads one output of a code cell with its texts joined. Throws NOTEBOOK_INVALID. */
export function readOutput(output: JsonObject, path: string): JsonObject {
  switch (output.output_type) {
    case 'stream': return { output_type: 'stream', name: textAt(output.name, `${path}.name`), text: joinText(output.text, `${path}.text`) };
    case 'error': return {
      output_type: 'error', ename: textAt(output.ename, `${path}.ename`), evalue: textAt(output.evalue, `${path}.evalue`),
      traceback: linesAt(output.traceback, `${path}.traceback`),
    };
    case 'display_data': return { output_type: 'display_data', ...richParts(output, path) };
    case 'execute_result': return {
      output_type: 'execute_result', ...richParts(output, path), execution_count: countAt(output.execution_count ?? null, `${path}.execution_count`),
    };
    default: throw invalidNotebook(`${path}.output_type`, 'must be stream, display_data, execute_result or error');
  }
}

function richParts(output: JsonObject, path: string): JsonObject {
  const data = objectAt(output.data ?? {}, `${path}.data`);
  const joined = Object.entries(data).map(([mime, value]) => [mime, isJsonType(mime) ? value : joinText(value, `${path}.data`)] as const);
  return { data: Object.fromEntries(joined), metadata: objectAt(output.metadata ?? {}, `${path}.metadata`) };
}

/** Values of these types are JSON themselves. */
export function isJsonType(mime: string): boolean {
  return mime === 'application/json' || mime.endsWith('+json');
}

function textAt(value: unknown, path: string): string {
  if (typeof value !== 'string') throw invalidNotebook(path, 'must be text');
  return value;
}

function linesAt(value: unknown, path: string): string[] {
  if (!Array.isArray(value) || !value.every((line) => typeof line === 'string')) throw invalidNotebook(path, 'must be a list of lines');
  return value;
}
