import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { FileOriginRow } from '../../store/index.ts';
import { readRegular, sha256, writeNew } from './file-bytes.ts';
import type { FilesContext } from './files-context.ts';

const MAX_FILE_BYTES = 20 * 1024 * 1024;

/**
 * Fills the view of a chapter that is gone from the copies that the session got when it was made. Only bytes that are still the
 * chapter's are taken, so neither the learner's own work nor what a planted link leads to gets in.
 */
export async function fillFromCopies(context: FilesContext, sessionId: string, chapterDir: string): Promise<void> {
  const { workspace, uploads } = await context.folders(sessionId);
  const copies = (area: FileOriginRow['area']): FileOriginRow[] => context.store.files.list(sessionId, area).filter(({ origin }) => origin === 'bundle');
  const shown = new Set<string>();
  for (const row of copies('workspace')) await show(row, { from: workspace, to: join(chapterDir, ...placeOf(row.name)), shown });
  // A dataset lies in both folders; the second copy helps where the learner changed the first.
  for (const row of copies('upload')) await show(row, { from: uploads, to: join(chapterDir, 'datasets', row.name), shown });
}

async function show(row: FileOriginRow, { from, to, shown }: { from: string; to: string; shown: Set<string> }): Promise<void> {
  if (row.sha256 === null || shown.has(row.sha256)) return;
  const bytes = await readRegular(join(from, ...row.name.split('/')), MAX_FILE_BYTES).catch(() => null); // Gone or no file any more.
  if (bytes === null || sha256(bytes) !== row.sha256) return;
  shown.add(row.sha256);
  await mkdir(dirname(to), { recursive: true, mode: 0o700 });
  await writeNew(to, bytes);
}

/** Code was copied to the top of the workspace, data below a folder of either name. */
function placeOf(name: string): string[] {
  const [first = '', ...rest] = name.split('/');
  return /^datasets?$/.test(first) && rest.length > 0 ? ['datasets', ...rest] : ['scripts', first, ...rest];
}
