import { loadConfig } from '../../config/index.ts';
import { parseArguments } from '../command.ts';
import { describeFlags, describeOtherVariables, settingOptions } from '../settings-options.ts';
import type { Terminal } from '../terminal.ts';
import { announceFailure } from './failure.ts';
import { InputPipe } from './input-pipe.ts';
import { runServer } from './run-server.ts';

export const help = `Usage: sidecar serve [options]

Runs the server. The first line on stdout is one JSON object with the address; people read stderr.

${describeFlags()}
  --token-stdin              takes the token from the first line of stdin
  --exit-with-parent         stops when stdin ends

Flags win over variables; an empty value means unset. Variables without a flag (LLM_* also with _CA, _RMA, _MA, _EXP, _SMALL):

${describeOtherVariables()}

Exit codes: 0 orderly, 2 configuration, 3 port taken, 4 store locked, 5 store newer, 6 damaged bundle, 70 internal.
`;

/** Runs the server until a signal, or the end of stdin. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const input = new InputPipe(terminal.stdin);
  try {
    const { values: flags } = parseArguments(args, {
      ...settingOptions(), 'token-stdin': { type: 'boolean' }, 'exit-with-parent': { type: 'boolean' },
    });
    const token = flags['token-stdin'] === true ? await input.firstLine() : undefined;
    const config = loadConfig({ env: terminal.env, flags, home: terminal.home, platform: terminal.platform, ...(token === undefined ? {} : { token }) });
    const parentGone = config.exitWithParent ? input.ended() : null;
    return await runServer({ config, terminal, parentGone });
  } catch (error) {
    return announceFailure(error, terminal);
  } finally {
    input.close();
  }
}
