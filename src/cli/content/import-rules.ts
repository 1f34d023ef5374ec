import { readFile } from 'node:fs/promises';
import { printImportedRules } from '../../experts/index.ts';
import { UsageError, parseArguments } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

export const help = `Usage: sidecar content import-rules consultation_config.yaml [--json]

Prints the rules of expert_judgment_binding as typed rules for binding_rules.rules. A rule that does not map
completely is left out and named on stderr.

  --json   one JSON object on stdout

Exit codes: 0 every rule was taken over, 1 some were not, 2 wrong usage.
`;

/** Prints the sentence rules of a configuration as typed rules. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArguments(args, { json: { type: 'boolean' } }, 1);
  const [path] = positionals;
  if (path === undefined) throw new UsageError('name a consultation_config.yaml');
  const text = await readFile(path, 'utf8').catch(() => {
    throw new UsageError('there is no such file');
  });
  const result = printImportedRules(text);
  if (result.kind === 'invalid') {
    terminal.err(`the configuration cannot be read: ${result.reason}\n`);
    return EXIT.problems;
  }
  const { rules, unparsed, yaml } = result.printed;
  terminal.out(values['json'] === true ? `${JSON.stringify({ rules, unparsed }, null, 2)}\n` : yaml);
  for (const { name, reason } of unparsed) terminal.err(`${name} was not taken over: ${reason}\n`);
  return unparsed.length === 0 ? EXIT.ok : EXIT.problems;
}
