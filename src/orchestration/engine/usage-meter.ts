import type { AgentCode, LedgerRow, TurnEvent, TurnUsage } from '../../contracts/index.ts';

interface Tally { input: number; output: number; cached: number; estimated: boolean }

const AGENTS: readonly AgentCode[] = ['CA', 'RMA', 'MA', 'EXP'];
const emptyTally = (): Tally => ({ input: 0, output: 0, cached: 0, estimated: false });

const add = (tally: Tally, row: LedgerRow): void => {
  tally.input += row.usage.input_tokens;
  tally.output += row.usage.output_tokens;
  tally.cached += row.usage.cached_tokens ?? 0;
  tally.estimated ||= row.estimated;
};

/** Counts the attempts of one turn and tells each token exactly once. */
export class UsageMeter {
  readonly #total = new Map<AgentCode, Tally>();
  readonly #unreported = new Map<AgentCode, Tally>();

  count(row: LedgerRow): void {
    for (const tallies of [this.#total, this.#unreported]) {
      const tally = tallies.get(row.agent) ?? emptyTally();
      add(tally, row);
      tallies.set(row.agent, tally);
    }
  }

  /** The `token_usage` events of what was not reported before, for the given agents. */
  report(turnIndex: number, agents: readonly AgentCode[] = AGENTS): TurnEvent[] {
    const events: TurnEvent[] = [];
    for (const agent of agents) {
      const tally = this.#unreported.get(agent);
      if (tally === undefined) continue;
      this.#unreported.delete(agent);
      events.push({
        type: 'token_usage', agent, turn_index: turnIndex, input_tokens: tally.input, output_tokens: tally.output,
        ...(tally.cached > 0 ? { cached_tokens: tally.cached } : {}),
        ...(tally.estimated ? { estimated: true } : {}),
      });
    }
    return events;
  }

  /** Usage by agent as it is stored with the turn. */
  totals(): TurnUsage {
    const usage: TurnUsage = {};
    for (const [agent, tally] of this.#total) {
      usage[agent] = {
        input_tokens: tally.input, output_tokens: tally.output, ...(tally.cached > 0 ? { cached_tokens: tally.cached } : {}),
      };
    }
    return usage;
  }
}
