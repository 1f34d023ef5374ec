import { createHash } from 'node:crypto';
import { AgentCodeSchema, UsageSchema } from '../../contracts/index.ts';
import type { TurnOutcome, TurnUsage } from '../../contracts/index.ts';
import { repairOutcome } from '../../orchestration/index.ts';
import { readRegular, sha256 } from '../files/file-bytes.ts';
import type { RestoredFile, ScannedFolder } from './scan-folder.ts';

/** A turn as a folder tells it. */
export interface RestoredTurn {
  turn_index: number; user_message: string; companion_response: string; outcome: TurnOutcome; usage: TurnUsage | null; created_at: string;
}

/** Everything an import takes from a folder; JSON is parsed and not yet trusted, `undefined` = missing or unreadable. */
export interface RestoredSession {
  state: unknown; packet: unknown; digest: unknown; memory: unknown; paths: unknown; sources: unknown;
  report: string; finalReport: string | null; errorSummary: string | null;
  turns: RestoredTurn[];
  /** A predecessor of this program wrote the folder, not the app's restore. */
  isPredecessor: boolean;
  /** Changes when the content of any file does. */
  fingerprint: string;
  newestMs: number;
  oldestMs: number;
  problems: string[];
}

const MAX_FILE_BYTES = 10 * 1024 * 1024;
const MAX_TOTAL_BYTES = 256 * 1024 * 1024;

/** Reads the files of an import in turn; what is unreadable or too large is named and left out. */
class FolderReader {
  readonly problems: string[];
  readonly hashes: string[] = [];
  readonly #signal: AbortSignal;
  #bytes = 0;

  constructor(problems: readonly string[], signal: AbortSignal) {
    this.problems = [...problems];
    this.#signal = signal;
  }

  async text(file: RestoredFile | undefined): Promise<string | null> {
    this.#signal.throwIfAborted();
    if (file === undefined) return null;
    this.#bytes += file.size;
    if (file.size > MAX_FILE_BYTES || this.#bytes > MAX_TOTAL_BYTES) {
      this.#bytes -= file.size;
      this.problems.push(`${file.name}: too large`);
      this.hashes.push(`${file.name} ${file.size}`);
      return null;
    }
    const bytes = await readRegular(file.path, MAX_FILE_BYTES).catch(() => null);
    if (bytes === null) {
      this.problems.push(`${file.name}: unreadable`);
      return null;
    }
    this.hashes.push(`${file.name} ${sha256(bytes)}`);
    // Lenient on purpose: a broken byte must not cost the learner a turn.
    return new TextDecoder('utf-8').decode(bytes).toWellFormed();
  }

  async json(file: RestoredFile | undefined): Promise<unknown> {
    const text = await this.text(file);
    if (text === null) return undefined;
    try {
      return JSON.parse(text);
    } catch {
      this.problems.push(`${file?.name ?? ''}: not JSON`);
      return undefined;
    }
  }
}

/** Reads a scanned folder. */
export async function readFolder(scanned: ScannedFolder, signal: AbortSignal): Promise<RestoredSession> {
  const reader = new FolderReader(scanned.problems, signal);
  const { root } = scanned;
  const json = (name: string): Promise<unknown> => reader.json(root.get(name));
  const text = (name: string): Promise<string | null> => reader.text(root.get(name));
  const restored = {
    state: await json('session_state.json'), packet: await json('instruction_packet.json'), digest: await json('memo_digest.json'),
    memory: await json('memory_state.json'), paths: await json('session_paths.json'), sources: await json('workspace_sources.json'),
    report: (await text('dynamic_report.md')) ?? '', finalReport: await text('final_learning_report.md'),
    // The shipped app writes Markdown under the JSON name.
    errorSummary: (await text('student_error_summary.md')) ?? (await text('student_error_summary.json')),
  };
  const turns: RestoredTurn[] = [];
  for (const [number, files] of scanned.turns) {
    const turn = await readTurn(reader, number, files);
    if (turn !== null) turns.push(turn);
  }
  return {
    ...restored, turns, isPredecessor: root.has('session_paths.json'), problems: reader.problems,
    fingerprint: createHash('sha256').update(reader.hashes.sort().join('\n')).digest('hex'),
    newestMs: scanned.newestMs, oldestMs: scanned.oldestMs,
  };
}

async function readTurn(reader: FolderReader, number: number, files: ReadonlyMap<string, RestoredFile>): Promise<RestoredTurn | null> {
  const user = await reader.text(files.get('user.txt'));
  const companion = await reader.text(files.get('companion.txt'));
  const raw = await reader.json(files.get('turn_outcome.json'));
  const usage = await reader.json(files.get('token_usage.json'));
  if (user === null || companion === null) {
    reader.problems.push(`turn ${number}: incomplete`);
    return null;
  }
  const { outcome, problems } = repairOutcome(raw);
  reader.problems.push(...problems.map((problem) => `turn ${number}: ${problem}`));
  const written = files.get('companion.txt')?.modifiedMs ?? 0;
  return {
    turn_index: number, user_message: user, companion_response: companion, outcome, usage: readUsage(usage),
    created_at: new Date(written).toISOString(),
  };
}

function readUsage(raw: unknown): TurnUsage | null {
  if (typeof raw !== 'object' || raw === null) return null;
  const entries = Object.entries(raw).flatMap(([agent, value]) => {
    const code = AgentCodeSchema.safeParse(agent);
    const usage = UsageSchema.safeParse(value);
    return code.success && usage.success ? [[code.data, usage.data] as const] : [];
  });
  return entries.length === 0 ? null : Object.fromEntries(entries);
}
