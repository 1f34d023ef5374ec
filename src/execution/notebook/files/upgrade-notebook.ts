import type { JsonObject } from '../connection/jupyter-message.ts';
import { invalidNotebook, joinText, objectAt } from './notebook-values.ts';

/** Short names of nbformat 3 and the types they stand for. */
const MIME_OF: Readonly<Record<string, string>> = {
  text: 'text/plain', html: 'text/html', svg: 'image/svg+xml', png: 'image/png', jpeg: 'image/jpeg', latex: 'text/latex',
  json: 'application/json', javascript: 'application/javascript', pdf: 'application/pdf',
};

/** A notebook of nbformat 3 as one of 4: worksheets joined, inputs and outputs under their new names, headings as markdown. */
export function upgradeFromThree(root: JsonObject): JsonObject {
  if (!Array.isArray(root.worksheets)) throw invalidNotebook('$.worksheets', 'must be a list');
  const cells = root.worksheets.flatMap((sheet: unknown, index) => {
    const { cells: listed = [] } = objectAt(sheet, `$.worksheets[${index}]`);
    if (!Array.isArray(listed)) throw invalidNotebook(`$.worksheets[${index}].cells`, 'must be a list');
    return listed.map((cell: unknown, at) => upgradeCell(objectAt(cell, `$.worksheets[${index}].cells[${at}]`)));
  });
  const { name: _name, signature: _signature, ...metadata } = objectAt(root.metadata ?? {}, '$.metadata');
  return { nbformat: 4, nbformat_minor: 0, metadata, cells };
}

function upgradeCell(cell: JsonObject): JsonObject {
  const metadata = objectAt(cell.metadata ?? {}, '$.worksheets.metadata');
  if (cell.cell_type === 'heading') {
    const level = typeof cell.level === 'number' ? Math.max(1, Math.min(6, Math.round(cell.level))) : 1;
    const text = joinText(cell.source ?? '', '$.worksheets.source').replace(/\s*\n\s*/g, ' ');
    return { cell_type: 'markdown', metadata, source: `${'#'.repeat(level)} ${text}` };
  }
  if (cell.cell_type === 'html') return { cell_type: 'markdown', metadata, source: cell.source ?? '' };
  if (cell.cell_type !== 'code') return { cell_type: cell.cell_type, metadata, source: cell.source ?? '' };
  const outputs = Array.isArray(cell.outputs) ? cell.outputs : [];
  return {
    cell_type: 'code', metadata: cell.collapsed === undefined ? metadata : { ...metadata, collapsed: cell.collapsed === true },
    source: cell.input ?? '', execution_count: typeof cell.prompt_number === 'number' ? cell.prompt_number : null,
    outputs: outputs.map((output: unknown) => upgradeOutput(objectAt(output, '$.worksheets.outputs'))),
  };
}

function upgradeOutput(output: JsonObject): JsonObject {
  switch (output.output_type) {
    case 'stream': return { output_type: 'stream', name: output.stream ?? 'stdout', text: output.text ?? '' };
    case 'pyerr': return { output_type: 'error', ename: output.ename, evalue: output.evalue, traceback: output.traceback };
    case 'pyout': return { output_type: 'execute_result', ...dataOf(output), execution_count: output.prompt_number ?? null };
    case 'display_data': return { output_type: 'display_data', ...dataOf(output) };
    default: return output;
  }
}

function dataOf(output: JsonObject): JsonObject {
  const { output_type: _type, metadata = {}, prompt_number: _count, ...fields } = output;
  const data = Object.entries(fields).map(([name, value]) => [MIME_OF[name] ?? name, name === 'json' ? jsonOf(value) : value] as const);
  return { data: Object.fromEntries(data), metadata };
}

/** nbformat 3 kept JSON as text. */
function jsonOf(value: unknown): unknown {
  const text = joinText(value, '$.worksheets.outputs.json');
  try {
    return JSON.parse(text);
  } catch {
    return text; // Not JSON after all: kept as it stands.
  }
}
