import { join } from 'node:path';
import type { Log } from '../../config/index.ts';
import type { ExpertReportRow, Store } from '../../store/index.ts';
import { writeDurably } from './consultation-record.ts';

/** Files of the committed reports: a copy of the rows for people and for clients that read folders. */
export class ReportFiles {
  private readonly deps: { store: Store; log: Log; folderOf(sessionId: string): string };
  /** One chain of writes for each session; an entry goes when its chain has ended. */
  private readonly writing = new Map<string, Promise<void>>();

  constructor(deps: { store: Store; log: Log; folderOf(sessionId: string): string }) {
    this.deps = deps;
  }

  /** Writes what the rows say once the transaction that is running has ended. */
  refresh(sessionId: string): void {
    const chain = (this.writing.get(sessionId) ?? Promise.resolve()).then(async () => await this.write(sessionId)).catch((error: unknown) => {
      this.deps.log.warn({ error, sessionId }, 'expert reports could not be written to files');
    }).finally(() => {
      if (this.writing.get(sessionId) === chain) this.writing.delete(sessionId);
    });
    this.writing.set(sessionId, chain);
  }

  /** Resolves when nothing is being written. */
  async settled(): Promise<void> {
    while (this.writing.size > 0) await Promise.all(this.writing.values());
  }

  private async write(sessionId: string): Promise<void> {
    const rows = this.deps.store.expertReports.list(sessionId).toReversed();
    if (rows.length === 0) return; // The commit was rolled back: rows decide.
    const folder = join(this.deps.folderOf(sessionId), 'expert_reports');
    for (const row of rows) await writeDurably(join(folder, `${row.report_id}.json`), `${JSON.stringify(reportOf(row), null, 2)}\n`);
    const index = { reports: rows.map((row) => itemOf(row)) };
    await writeDurably(join(folder, 'index.json'), `${JSON.stringify(index, null, 2)}\n`);
  }
}

function reportOf(row: ExpertReportRow): Record<string, unknown> {
  return {
    report_id: row.report_id, consultation_id: row.consultation_id, user_turn_index: row.turn_index, expert_id: row.expert_id,
    created_at: row.created_at, ...row.body,
  };
}

function itemOf(row: ExpertReportRow): Record<string, unknown> {
  const { scenario_id, title, binding_effect, summary } = row.body;
  return {
    report_id: row.report_id, consultation_id: row.consultation_id, user_turn_index: row.turn_index, scenario_id, expert_id: row.expert_id, title,
    created_at: row.created_at, binding_effect, summary,
  };
}
