import { ExecutionDetailSchema, ExecutionSchema, SidecarError } from '../../contracts/index.ts';
import type { ExecutionRow, Store } from '../../store/index.ts';
import type { Execution, ExecutionDetail, ExecutionsQuery } from './user-runner-contract.ts';

/** The log of all lanes, newest first, without code and output. */
export function listExecutions(store: Store, sessionId: string, query: ExecutionsQuery): Execution[] {
  const rows = store.executions.list(sessionId, { lane: query.lane, turnIndex: query.turn_index, before: query.before, limit: query.limit });
  return rows.map((row) => ExecutionSchema.parse(flatten(row)));
}

/** One entry with code and output. Throws EXECUTION_NOT_FOUND, also for one of another session. */
export function readExecution(store: Store, sessionId: string, executionId: string): ExecutionDetail {
  const row = store.executions.get(executionId);
  if (row === null || row.session_id !== sessionId) throw new SidecarError('EXECUTION_NOT_FOUND', 'no such execution in the session');
  const { code, stdout, stderr } = row;
  return ExecutionDetailSchema.parse({ ...flatten(row), code, stdout, stderr });
}

/** Columns and body as one object; what an older or foreign row lacks reads null. */
function flatten({ body, ...row }: ExecutionRow): Record<string, unknown> {
  const { execution_id, session_id, lane, kind, started_at, ended_at, turn_index, job_id, consultation_id } = row;
  return {
    ...EMPTY, ...body, execution_id, session_id, lane, kind, started_at, ended_at, turn_index, job_id, consultation_id,
  };
}

const EMPTY = {
  duration_ms: null, outcome: null, returncode: null, code_sha256: null, truncated: null, guards: null, limits: null, artifacts: [], cell_id: null,
  expert_id: null,
};
