import type { ChapterPlace } from './locate-chapter.ts';
import { isReferenceSolution } from './names.ts';
import { decodeUtf8 } from './read-text.ts';
import { readInside, realFolder } from './safe-file.ts';
import { walkFiles } from './walk-files.ts';
import { isRecord } from './yaml-data.ts';

/** The code of one reference solution. For the solution guard only; it must never leave memory. */
export interface ReferenceSolution { text: string }

const BOUNDS = { maxFiles: 5000, maxDepth: 12 };
const MAX_SOLUTIONS = 64;

/** Reads the reference solutions of a chapter, notebooks as the code of their cells. Unreadable ones are left out. */
export async function readReferenceSolutions(place: Pick<ChapterPlace, 'dir'>): Promise<ReferenceSolution[]> {
  const dir = await realFolder(place.dir);
  if (dir === null) return [];
  const { files } = await walkFiles(dir, BOUNDS);
  const solutions: ReferenceSolution[] = [];
  for (const file of files.filter(({ path }) => isReferenceSolution(path)).slice(0, MAX_SOLUTIONS)) {
    const result = await readInside(dir, file.path);
    const text = result.kind === 'read' ? decodeUtf8(result.bytes) : null;
    if (text === null || text.includes('\0')) continue;
    solutions.push({ text: file.path.toLowerCase().endsWith('.ipynb') ? codeOfNotebook(text) : text });
  }
  return solutions.filter(({ text }) => text.trim() !== '');
}

/** The code cells of a notebook; a notebook that is no JSON counts as plain text. */
function codeOfNotebook(text: string): string {
  let notebook: unknown;
  try {
    notebook = JSON.parse(text);
  } catch {
    return text; // Broken notebooks still hold code that must not be shown.
  }
  const cells = isRecord(notebook) && Array.isArray(notebook['cells']) ? notebook['cells'] : [];
  return cells.filter(isRecord).filter((cell) => cell['cell_type'] === 'code').map((cell) => sourceOf(cell['source'])).join('\n\n');
}

function sourceOf(source: unknown): string {
  if (Array.isArray(source)) return source.filter((line) => typeof line === 'string').join('');
  return typeof source === 'string' ? source : '';
}
