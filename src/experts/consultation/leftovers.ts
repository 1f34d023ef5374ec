import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isRecord } from '../../content/index.ts';
import type { ConsultationRow, Store } from '../../store/index.ts';
import type { ConsultantDeps } from '../consultant-deps.ts';
import { recordFolder, writeDurably } from './consultation-record.ts';
import { expertFolder } from './hold-consultation.ts';

/** True for an answer whose turn came to nothing. */
export function isLeftOver(row: ConsultationRow, store: Pick<Store, 'turns'>): boolean {
  if (row.status !== 'answered') return false;
  const turn = store.turns.get(row.turn_id);
  return turn === null || (turn.end !== null && turn.end !== 'complete');
}

/** Closes a consultation without a report: its row at once, then its file. Never rejects, since the row decides. */
export async function abandonConsultation(deps: Pick<ConsultantDeps, 'store' | 'clock' | 'log' | 'sessionsDir'>, row: ConsultationRow): Promise<void> {
  const endedAt = row.ended_at ?? deps.clock.now().toISOString();
  deps.store.consultations.update(
    { sessionId: row.session_id, consultationId: row.consultation_id },
    { status: 'aborted', ended_at: endedAt, body: { ...row.body, termination_reason: 'aborted' } },
  );
  await closeFile(deps, row, endedAt).catch((error: unknown) => {
    deps.log.warn({ error, consultationId: row.consultation_id }, 'the record of an abandoned consultation could not be closed');
  });
}

async function closeFile(deps: Pick<ConsultantDeps, 'sessionsDir'>, row: ConsultationRow, endedAt: string): Promise<void> {
  const path = join(recordFolder(expertFolder(deps, row.session_id), row.consultation_id), 'meta.json');
  const text = await readFile(path, 'utf8').catch(() => null); // Killed before the first file: there is nothing to close.
  await rm(`${path}.new`, { force: true });
  const meta: unknown = text === null ? null : JSON.parse(text);
  if (!isRecord(meta)) return;
  await writeDurably(path, `${JSON.stringify({ ...meta, status: 'aborted', termination_reason: 'aborted', end_timestamp: endedAt }, null, 2)}\n`);
}
