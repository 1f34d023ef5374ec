import type { LedgerRow, TurnUsage, UsageAnswer } from '../contracts/index.ts';
import type { HistoryRow, Store } from '../store/index.ts';
import { requireSession } from './session-lookup.ts';

type AgentUsage = UsageAnswer['totals'][string];

/** Tokens by turn and agent, their sums, and what cancelled and failed turns used. */
export function readUsage(store: Store, sessionId: string): UsageAnswer {
  requireSession(store, sessionId);
  const history = store.history.list(sessionId);
  const committed = new Set(history.map((turn) => turn.turn_id));
  const byTurn = new Map<string, LedgerRow[]>();
  const unattributed = { input_tokens: 0, output_tokens: 0, calls: 0 };
  for (const row of store.ledger.ofSession(sessionId)) {
    if (row.turn_id !== null && committed.has(row.turn_id)) byTurn.set(row.turn_id, [...(byTurn.get(row.turn_id) ?? []), row]);
    else if (!isRunning(store, row)) addTo(unattributed, row);
  }
  const turns = history.map((turn) => ({ turn_index: turn.turn_index, agents: usageOf(turn, byTurn.get(turn.turn_id) ?? []) }));
  const totals: Record<string, AgentUsage> = {};
  for (const { agents } of turns) {
    for (const [agent, usage] of Object.entries(agents)) totals[agent] = sum(totals[agent], usage);
  }
  return { turns, totals, unattributed };
}

function isRunning(store: Store, row: LedgerRow): boolean {
  return row.turn_id !== null && store.turns.get(row.turn_id)?.end === null;
}

function addTo(tally: UsageAnswer['unattributed'], row: LedgerRow): void {
  tally.input_tokens += row.usage.input_tokens;
  tally.output_tokens += row.usage.output_tokens;
  tally.calls += 1;
}

function usageOf(turn: HistoryRow, rows: readonly LedgerRow[]): Record<string, AgentUsage> {
  if (rows.length === 0) return importedUsage(turn.token_usage ?? {});
  const agents: Record<string, AgentUsage> = {};
  for (const row of rows) agents[row.agent] = sum(agents[row.agent], { ...row.usage, cached_tokens: row.usage.cached_tokens ?? 0, calls: 1, estimated: row.estimated });
  return agents;
}

/** Imported turns have sums and no attempts. */
function importedUsage(usage: TurnUsage): Record<string, AgentUsage> {
  return Object.fromEntries(Object.entries(usage).map(([agent, tokens]) => [
    agent, { ...tokens, cached_tokens: tokens.cached_tokens ?? 0, calls: 0, estimated: false },
  ]));
}

function sum(left: AgentUsage | undefined, right: AgentUsage): AgentUsage {
  if (left === undefined) return right;
  return {
    input_tokens: left.input_tokens + right.input_tokens, output_tokens: left.output_tokens + right.output_tokens,
    cached_tokens: left.cached_tokens + right.cached_tokens, calls: left.calls + right.calls, estimated: left.estimated || right.estimated,
  };
}
