import { openRegular } from '../../content/index.ts';
import type { ExpertInput } from '../../execution/expert-runner/index.ts';
import { findFile } from './run-tool.ts';
import type { SessionFile } from './session-files.ts';

const MAX_INPUTS = 10;
const MAX_INPUT_BYTES = 20 * 1024 * 1024;

/** The files a question names, the learner's own among them; else all uploads and datasets. By name, as far as count and size allow. */
export function chooseInputs(files: readonly SessionFile[], question: { fileName: string | null; text: string }): SessionFile[] {
  const named = files.filter((file) => file === findFile(files, question.fileName ?? '') || mentions(question.text, file.name));
  // A question that names only a script still needs the data that the script opens.
  const hasTable = named.some(({ kind }) => kind === 'table');
  const given = hasTable ? [] : files.filter(({ origin, name, kind }) => origin !== 'workspace' && kind !== 'code' && !name.includes('/'));
  const wanted = [...new Set([...named, ...given])];
  const chosen: SessionFile[] = [];
  const taken = new Set<string>();
  let bytes = 0;
  for (const file of wanted.toSorted((a, b) => (a.name < b.name ? -1 : Number(a.name > b.name)))) {
    const twin = file.name.toLowerCase();
    if (chosen.length >= MAX_INPUTS || bytes + file.bytes > MAX_INPUT_BYTES || taken.has(twin)) continue;
    taken.add(twin);
    bytes += file.bytes;
    chosen.push(file);
  }
  return chosen;
}

/** Copies of the files in memory; each is opened without following a link, and one that is gone is left out. */
export async function readInputs(files: readonly SessionFile[]): Promise<ExpertInput[]> {
  const inputs: ExpertInput[] = [];
  for (const file of files) {
    await using handle = await openRegular(file.path);
    if (handle !== null && (await handle.stat()).size <= MAX_INPUT_BYTES) inputs.push({ name: file.name, bytes: await handle.readFile() });
  }
  return inputs;
}

/** A name counts only as a whole word, so that `a.csv` is not found in `data.csv`. */
function mentions(text: string, name: string): boolean {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    const before = text[at - 1] ?? ' ';
    const after = text[at + name.length] ?? ' ';
    if (!/[A-Za-z0-9_./-]/.test(before) && !/[A-Za-z0-9_-]/.test(after)) return true;
  }
  return false;
}
