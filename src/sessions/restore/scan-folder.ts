import type { Stats } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';

/** A regular file that an import may read. `name` is relative to the session folder, with `/`. */
export interface RestoredFile { name: string; path: string; size: number; modifiedMs: number }

/** What lies in a folder that holds a session of the app or of the predecessor. */
export interface ScannedFolder {
  /** By name: the files beside the turns. */
  root: Map<string, RestoredFile>;
  /** By number, ascending: the files of each turn by suffix. */
  turns: Map<number, Map<string, RestoredFile>>;
  newestMs: number;
  oldestMs: number;
  problems: string[];
}

const ROOT_FILES = new Set([
  'session_state.json', 'instruction_packet.json', 'memo_digest.json', 'memory_state.json', 'dynamic_report.md',
  'final_learning_report.md', 'student_error_summary.json', 'student_error_summary.md', 'session_paths.json', 'workspace_sources.json',
]);
const TURN_FILE = /^(\d{3,9})_(user\.txt|companion\.txt|turn_outcome\.json|token_usage\.json)$/;
const MAX_TURNS = 10_000;

/** Looks at a folder without reading a file. Null when it holds no session: neither a state nor a whole turn, or it is a link. */
export async function scanFolder(folder: string): Promise<ScannedFolder | null> {
  const entry = await lstat(folder).catch(() => null);
  if (entry === null || !entry.isDirectory()) return null;
  const real = await realpath(folder);
  const scanned: ScannedFolder = { root: new Map(), turns: new Map(), newestMs: 0, oldestMs: Infinity, problems: [] };
  for (const name of await namesOf(real)) {
    if (!ROOT_FILES.has(name)) continue;
    const file = await describe(scanned, { name, path: join(real, name) });
    if (file !== null) scanned.root.set(name, file);
  }
  await scanTurns(scanned, join(real, 'turns'));
  const holdsTurn = [...scanned.turns.values()].some((files) => files.has('user.txt') && files.has('companion.txt'));
  return holdsTurn || scanned.root.has('session_state.json') ? scanned : null;
}

async function scanTurns(scanned: ScannedFolder, folder: string): Promise<void> {
  const entry = await lstat(folder).catch(() => null);
  if (entry === null) return;
  if (!entry.isDirectory()) {
    scanned.problems.push('turns: not a folder');
    return;
  }
  const named = (await namesOf(folder)).flatMap((name) => {
    const match = TURN_FILE.exec(name);
    return match === null ? [] : [{ name, number: Number(match[1]), suffix: match[2] ?? '' }];
  });
  const numbers = [...new Set(named.map(({ number }) => number))].sort((one, other) => one - other);
  const kept = new Set(numbers.slice(-MAX_TURNS));
  if (kept.size < numbers.length) scanned.problems.push(`turns: ${numbers.length} turns, only the newest ${MAX_TURNS} are read`);
  for (const number of kept) scanned.turns.set(number, new Map());
  for (const { name, number, suffix } of named) {
    const files = scanned.turns.get(number);
    if (files === undefined) continue;
    // `0001` and `001` are one number; the first name that is seen wins.
    const file = files.has(suffix) ? null : await describe(scanned, { name: `turns/${name}`, path: join(folder, name) });
    if (file !== null) files.set(suffix, file);
  }
}

async function namesOf(folder: string): Promise<string[]> {
  return (await readdir(folder).catch(() => [])).sort();
}

async function describe(scanned: ScannedFolder, { name, path }: { name: string; path: string }): Promise<RestoredFile | null> {
  const stats: Stats | null = await lstat(path).catch(() => null);
  if (stats === null) return null;
  if (!stats.isFile()) {
    scanned.problems.push(`${name}: not a regular file`);
    return null;
  }
  const modifiedMs = Math.floor(stats.mtimeMs);
  scanned.newestMs = Math.max(scanned.newestMs, modifiedMs);
  scanned.oldestMs = Math.min(scanned.oldestMs, modifiedMs);
  return { name, path, size: stats.size, modifiedMs };
}
