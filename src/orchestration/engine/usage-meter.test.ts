import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { AgentCode, LedgerRow } from '../../contracts/index.ts';
import { UsageMeter } from './usage-meter.ts';

const row = (agent: AgentCode, input: number, output: number): LedgerRow => ({
  turn_id: 'trn_1', session_id: 's1', agent, purpose: 'reply', model: 'm', endpoint: 'e', attempt: 1,
  usage: { input_tokens: input, output_tokens: output }, estimated: false, ttft_ms: 1, total_ms: 2, finish: 'stop', repaired: false,
  prompt_hash: 'h', manifest: {}, at: '2026-01-01T00:00:00.000Z',
});
const rows = fc.array(fc.record({
  agent: fc.constantFrom<AgentCode>('CA', 'RMA', 'MA', 'EXP'), input: fc.nat(1000), output: fc.nat(1000), report: fc.boolean(),
}));

it('tells every counted token exactly once, however the reports fall', () => {
  fc.assert(fc.property(rows, (attempts) => {
    const meter = new UsageMeter();
    const told = new Map<string, number>();
    const hear = (): void => {
      for (const event of meter.report(3)) {
        if (event.type !== 'token_usage') continue;
        told.set(event.agent, (told.get(event.agent) ?? 0) + event.input_tokens + event.output_tokens);
      }
    };

    for (const attempt of attempts) {
      meter.count(row(attempt.agent, attempt.input, attempt.output));
      if (attempt.report) hear();
    }
    hear();

    const stored = Object.entries(meter.totals()).map(([agent, usage]) => [agent, usage.input_tokens + usage.output_tokens] as const);
    expect(new Map(stored)).toEqual(told);
    expect(meter.report(3)).toEqual([]);
  }));
});

it('reports only the agents that are asked for', () => {
  const meter = new UsageMeter();
  meter.count(row('CA', 10, 5));
  meter.count(row('RMA', 20, 7));

  expect(meter.report(0, ['RMA'])).toEqual([{ type: 'token_usage', agent: 'RMA', turn_index: 0, input_tokens: 20, output_tokens: 7 }]);
  expect(meter.report(0)).toEqual([{ type: 'token_usage', agent: 'CA', turn_index: 0, input_tokens: 10, output_tokens: 5 }]);
});
