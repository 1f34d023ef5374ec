import { describeContract } from '../api/index.ts';
import { parseArguments } from './command.ts';
import { EXIT } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export const help = `Usage: sidecar contract

Prints what GET /api/contract answers: version, routes and event types, as one JSON object.
`;

/** Prints the contract. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  parseArguments(args, {});
  terminal.out(`${JSON.stringify(describeContract(), null, 2)}\n`);
  return EXIT.ok;
}
