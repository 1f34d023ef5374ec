import { lstat, mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { WorkspaceAnswer } from '../../contracts/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { copyStarterFiles, isJunk, isReferenceSolution, planStarterFiles } from '../../content/index.ts';
import type { ChapterPlace, StarterCopy } from '../../content/index.ts';
import type { SessionRow } from '../../store/index.ts';
import { discard, draftPath, setAside } from '../session-folder.ts';
import type { FilesContext } from './files-context.ts';
import { fillFromCopies } from './own-copies.ts';
import { storageError } from './storage-error.ts';
import { walkWorkspace } from './walk-workspace.ts';

const MAX_FILE_BYTES = 20 * 1024 * 1024;
const MAX_TOTAL_BYTES = 100 * 1024 * 1024;
const MAX_ASSETS = 500;

/** Where the chapter of a session lies now. Throws the refusals of content when it cannot be found. */
export type LocateChapter = (row: SessionRow) => Promise<ChapterPlace>;

/** The learner's view of the chapter, made on first request: starter files, data and assets, nothing that only the tutor may see. */
export async function showChapter(context: FilesContext, sessionId: string, locate: LocateChapter): Promise<WorkspaceAnswer> {
  const row = context.require(sessionId);
  return await context.queue.run(sessionId, async () => {
    const { chapterView } = await context.folders(sessionId);
    const known = await describe(row, chapterView);
    if (known !== null) return known;
    const place = await locate(row).catch((error: unknown) => {
      if (error instanceof SidecarError) return null; // The chapter is gone; the session's own copies remain.
      throw error;
    });
    await build(context, { row, chapterView, place });
    return await describe(row, chapterView) ?? answerOf(row, join(chapterView, ...tailOf(row.chapter_id)), { folders: [], scripts: [] });
  });
}

interface Build { row: SessionRow; chapterView: string; place: ChapterPlace | null }

async function build(context: FilesContext, { row, chapterView, place }: Build): Promise<void> {
  const draft = draftPath(context.sessionsDir, context.ids);
  const chapterDir = join(draft, ...tailOf(row.chapter_id));
  try {
    await mkdir(chapterDir, { recursive: true, mode: 0o700 });
    if (place === null) {
      await fillFromCopies(context, row.session_id, chapterDir);
    } else {
      const plan = await planStarterFiles(place);
      const copies = [...plan.copies.filter((copy) => copy.target === 'user_workspace').map(toView), ...await assetsOf(place)];
      await copyStarterFiles({ ...plan, copies }, { user_workspace: chapterDir, working_files: chapterDir });
    }
    await discard(setAside(context.sessionsDir, chapterView, context.ids));
    await rename(draft, chapterView);
  } catch (error) {
    await discard(draft);
    throw storageError(error, 'the view of the chapter could not be made');
  }
}

/** Both dialects of folder names become one. */
function toView(copy: StarterCopy): StarterCopy {
  const rest = copy.from.slice(copy.from.indexOf('/') + 1);
  return { ...copy, path: `${copy.kind === 'code' ? 'scripts' : 'datasets'}/${rest}` };
}

async function assetsOf(place: ChapterPlace): Promise<StarterCopy[]> {
  const root = join(place.dir, 'assets');
  const tree = await walkWorkspace(root).catch(() => null); // No folder of its own: there are no assets.
  let bytes = 0;
  return (tree?.files ?? []).filter(({ name, stats }) => {
    const isShown = !name.split('/').some(isJunk) && !isReferenceSolution(name) && stats.size <= MAX_FILE_BYTES;
    if (isShown) bytes += stats.size;
    return isShown && bytes <= MAX_TOTAL_BYTES;
  }).slice(0, MAX_ASSETS).map(({ name, stats }) => ({
    kind: 'dataset', from: `assets/${name}`, real: join(root, ...name.split('/')), target: 'user_workspace', path: `assets/${name}`, size: stats.size,
  }));
}

/** Null while there is no view, or only an empty one. */
async function describe(row: SessionRow, chapterView: string): Promise<WorkspaceAnswer | null> {
  const chapterDir = join(chapterView, ...tailOf(row.chapter_id));
  const names = await readdir(chapterDir).catch(() => []);
  if (names.length === 0) return null;
  const folders: string[] = [];
  for (const name of names) if ((await lstat(join(chapterDir, name))).isDirectory()) folders.push(name);
  const scripts = folders.includes('scripts') ? await readdir(join(chapterDir, 'scripts')) : [];
  return answerOf(row, chapterDir, { folders, scripts: scripts.sort() });
}

function answerOf(row: SessionRow, chapterDir: string, { folders, scripts }: { folders: readonly string[]; scripts: readonly string[] }): WorkspaceAnswer {
  const folder = (name: string): string | null => (folders.includes(name) ? join(chapterDir, name) : null);
  const code = scripts.filter((name) => /\.(py|ipynb)$/i.test(name));
  const starter = code.find((name) => name.toLowerCase().startsWith('starter')) ?? code[0];
  return {
    chapter_id: row.chapter_id, chapter_dir: chapterDir, scripts_dir: folder('scripts'), datasets_dir: folder('datasets'),
    assets_dir: folder('assets'), starter_code: starter === undefined ? null : join(chapterDir, 'scripts', starter),
  };
}

/** The places that clients know from bundles; ids were checked when the session was made. */
function tailOf(chapterId: string): string[] {
  const [first = '', second] = chapterId.split('/');
  if (second === undefined) return ['chapters', first === '' ? 'unknown' : first];
  return ['courses', first, 'chapters', second];
}
