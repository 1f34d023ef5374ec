import { createHash } from 'node:crypto';
import { SidecarError } from '../../../contracts/index.ts';
import type { JsonObject } from '../connection/jupyter-message.ts';
import { readOutput } from './notebook-outputs.ts';
import { countAt, invalidNotebook, joinText, objectAt } from './notebook-values.ts';
import { upgradeFromThree } from './upgrade-notebook.ts';

/** A cell with its text joined; `outputs` and `execution_count` on code cells only. */
export interface NotebookCell extends JsonObject {
  id: string;
  cell_type: 'code' | 'markdown' | 'raw';
  source: string;
  metadata: JsonObject;
  outputs?: JsonObject[];
  execution_count?: number | null;
}

/** A notebook of nbformat 4.5 with all texts joined; unknown metadata stays as it was. */
export interface Notebook extends JsonObject { nbformat: 4; nbformat_minor: 5; metadata: JsonObject; cells: NotebookCell[] }

const CELL_ID = /^[A-Za-z0-9_-]{1,64}$/;
const CELL_TYPES = ['code', 'markdown', 'raw'] as const;
const MAX_DEPTH = 64;

/** Reads a notebook of nbformat 3 or 4 as 4.5. Repairs what is harmless and says so; throws NOTEBOOK_INVALID for the rest. */
export function parseNotebook(value: unknown): { notebook: Notebook; warnings: string[] } {
  checkValues(value, '$', 0);
  const root = objectAt(value, '$');
  const warnings: string[] = [];
  const four = root.nbformat === 3 ? upgradeFromThree(root) : root;
  if (four.nbformat !== 4) throw invalidNotebook('$.nbformat', 'must be 3 or 4');
  if (!Array.isArray(four.cells)) throw invalidNotebook('$.cells', 'must be a list');
  const ids = new Set<string>();
  const cells = four.cells.map((cell: unknown, index) => readCell(objectAt(cell, `$.cells[${index}]`), { index, ids, warnings }));
  return { notebook: { nbformat: 4, nbformat_minor: 5, metadata: objectAt(four.metadata ?? {}, '$.metadata'), cells }, warnings };
}

/** Reads the bytes of a notebook file. Throws NOTEBOOK_INVALID. */
export function parseNotebookBytes(bytes: Uint8Array): { notebook: Notebook; warnings: string[] } {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SidecarError('NOTEBOOK_INVALID', 'the file is not JSON', { cause, detail: { en: 'the file is not JSON', zh: '文件不是 JSON' } });
  }
  return parseNotebook(value);
}

function readCell(cell: JsonObject, { index, ids, warnings }: { index: number; ids: Set<string>; warnings: string[] }): NotebookCell {
  const path = `$.cells[${index}]`;
  const type = CELL_TYPES.find((each) => each === cell.cell_type);
  if (type === undefined) throw invalidNotebook(`${path}.cell_type`, 'must be code, markdown or raw');
  const source = joinText(cell.source ?? '', `${path}.source`);
  const metadata = objectAt(cell.metadata ?? {}, `${path}.metadata`);
  const read: NotebookCell = { id: takeId(cell.id, { index, source, ids, warnings }), cell_type: type, source, metadata };
  if (type !== 'code') {
    if (cell.attachments !== undefined) read.attachments = objectAt(cell.attachments, `${path}.attachments`);
    return read;
  }
  if (!Array.isArray(cell.outputs ?? [])) throw invalidNotebook(`${path}.outputs`, 'must be a list');
  const outputs: unknown[] = Array.isArray(cell.outputs) ? cell.outputs : [];
  read.outputs = outputs.map((output, at) => readOutput(objectAt(output, `${path}.outputs[${at}]`), `${path}.outputs[${at}]`));
  read.execution_count = countAt(cell.execution_count ?? null, `${path}.execution_count`);
  return read;
}

/** The cell's own id, or a new one that stays the same for the same notebook. */
function takeId(id: unknown, { index, source, ids, warnings }: { index: number; source: string; ids: Set<string>; warnings: string[] }): string {
  const isOwn = typeof id === 'string' && CELL_ID.test(id) && !ids.has(id);
  let chosen = isOwn ? id : '';
  for (let attempt = 0; chosen === '' || (!isOwn && ids.has(chosen)); attempt += 1) {
    chosen = createHash('sha256').update(`${index}\n${attempt}\n${source}`).digest('hex').slice(0, 8);
  }
  if (!isOwn && id !== undefined) warnings.push(`cell ${index + 1} got a new id`);
  ids.add(chosen);
  return chosen;
}

/** Keys that reach a prototype and texts that are no Unicode have no place in a file that others read. */
function checkValues(value: unknown, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw invalidNotebook(path, 'is nested too deeply');
  if (typeof value === 'string' && !value.isWellFormed()) throw invalidNotebook(path, 'has half a character');
  if (Array.isArray(value)) value.forEach((item, index) => checkValues(item, `${path}[${index}]`, depth + 1));
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__' || !key.isWellFormed()) throw invalidNotebook(path, 'has a key that is not allowed');
    checkValues(member, `${path}.${key.slice(0, 40)}`, depth + 1);
  }
}

/** The bytes of a notebook file: indent 1, sorted keys, texts as lists of lines, a final newline. */
export function serializeNotebook(notebook: Notebook): Uint8Array {
  const cells = notebook.cells.map((cell) => ({
    ...cell, source: linesOf(cell.source), ...(cell.outputs === undefined ? {} : { outputs: cell.outputs.map(outputOnDisk) }),
  }));
  return Buffer.from(`${JSON.stringify(sorted({ ...notebook, cells }), null, 1)}\n`);
}

/** A text as lines that keep their ends. */
function linesOf(text: string): string[] {
  return text === '' ? [] : text.split(/(?<=\n)/);
}

function outputOnDisk(output: JsonObject): JsonObject {
  if (output.output_type === 'stream' && typeof output.text === 'string') return { ...output, text: linesOf(output.text) };
  const { data } = output;
  if (typeof data !== 'object' || data === null) return output;
  const entries = Object.entries(data).map(([mime, value]) => [mime, typeof value === 'string' ? mimeOnDisk(mime, value) : value] as const);
  return { ...output, data: Object.fromEntries(entries) };
}

/** An output as it reads when it has been written to a file. */
export function outputAsRead(output: JsonObject): JsonObject {
  return readOutput(outputOnDisk(output), '$');
}

/** Equal as JSON, whatever the order of keys. */
export function sameJson(left: unknown, right: unknown): boolean {
  return JSON.stringify(sorted(left)) === JSON.stringify(sorted(right));
}

/** Text as lines; everything else is base64 and stands in one piece. */
function mimeOnDisk(mime: string, value: string): string | string[] {
  const isText = mime.startsWith('text/') || mime === 'image/svg+xml' || mime === 'application/javascript' || mime.endsWith('+xml');
  return isText ? linesOf(value) : value.replace(/\s+/g, '');
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : Number(left > right)));
  return Object.fromEntries(entries.map(([key, member]) => [key, sorted(member)]));
}
