import { appendFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import * as z from 'zod';
import { LaneSchema } from '../../contracts/index.ts';

const MOST_LINES = 1_000;

const EntrySchema = z.object({
  pid: z.int().positive(), start_time: z.string(), boot_id: z.string(), lane: LaneSchema, cgroup: z.array(z.string()), run_folder: z.string(),
});
/** One started child: enough to find it again, and to tell it from a stranger who got its pid. */
export type LedgerEntry = z.infer<typeof EntrySchema>;

/** The list of started children on the disk, for the sweep of the next host. */
export class ChildrenLedger {
  readonly #file: string;
  readonly #live = new Map<number, LedgerEntry>(); // removed by `forget`
  #lines = 0;

  constructor(file: string) {
    this.#file = file;
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  }

  /** What an earlier host wrote; lines that cannot be read are passed over. */
  read(): LedgerEntry[] {
    let text: string;
    try {
      text = readFileSync(this.#file, 'utf8');
    } catch {
      return [];
    }
    return text.split('\n').flatMap((line) => {
      const entry = EntrySchema.safeParse(tryJson(line));
      return entry.success ? [entry.data] : [];
    });
  }

  add(entry: LedgerEntry): void {
    this.#live.set(entry.pid, entry);
    appendFileSync(this.#file, `${JSON.stringify(entry)}\n`, { mode: 0o600 });
    this.#lines += 1;
    if (this.#lines > MOST_LINES) this.compact();
  }

  forget(pid: number): void {
    this.#live.delete(pid);
  }

  /** Leaves only what lives. */
  compact(): void {
    writeFileSync(this.#file, [...this.#live.values()].map((entry) => `${JSON.stringify(entry)}\n`).join(''), { mode: 0o600 });
    this.#lines = this.#live.size;
  }
}

function tryJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}
