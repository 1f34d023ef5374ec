import { ConfigError, loadConfig } from '../../config/index.ts';
import type { Config } from '../../config/index.ts';
import { parseArguments } from '../command.ts';
import { withCheckoutSessions } from '../demo/data-folder.ts';
import { EXIT } from '../exit-codes.ts';
import { settingOptions } from '../settings-options.ts';
import type { Terminal } from '../terminal.ts';
import type { Check } from './check.ts';
import { fine, problem, warning } from './check.ts';
import { checkContentFolders } from './check-content.ts';
import { checkGateway, checkLanes } from './check-lanes.ts';
import { checkDataFolder, checkNode } from './check-machine.ts';
import { checkModels } from './check-model.ts';

export const help = `Usage: sidecar doctor [--json] [options of serve]

Looks at Node, Python, the disk, the data folder, courses and expert packages, tries the guards of each lane, asks the model (one tiny
real request), and says what to do.

  --json    one JSON object on stdout
  --probe   for scripts; the guards are always tried anew

Exit codes: 0 usable, 1 problems found, 2 wrong usage.
`;

const MARKS: Record<Check['state'], string> = { ok: 'ok      ', warning: 'warning ', problem: 'PROBLEM ' };

/** Checks the machine and the settings. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values: flags } = parseArguments(args, { ...settingOptions(), json: { type: 'boolean' }, probe: { type: 'boolean' } });
  const checks = await examine(flags, terminal);
  const isUsable = checks.every(({ state }) => state !== 'problem');
  if (flags['json'] === true) terminal.out(`${JSON.stringify({ ok: isUsable, checks }, null, 2)}\n`);
  else terminal.out(checks.map(describe).join(''));
  return isUsable ? EXIT.ok : EXIT.problems;
}

async function examine(flags: Record<string, string | boolean | undefined>, terminal: Terminal): Promise<Check[]> {
  const config = readConfig(flags, terminal);
  if (config instanceof ConfigError) return [checkNode(), problem('configuration', config.message, `correct or unset ${config.variable}`)];
  return [
    checkNode(),
    ...(config.warnings.length === 0 ? [fine('configuration', 'every setting can be used')] : config.warnings.map((text) =>
      warning('configuration', text, 'correct or unset the setting'))),
    ...checkDataFolder(config),
    ...await checkContentFolders(config),
    ...await checkLanes(config),
    ...await checkGateway(config),
    ...await checkModels(config, new AbortController().signal),
  ];
}

function readConfig(flags: Record<string, string | boolean | undefined>, terminal: Terminal): Config | ConfigError {
  try {
    return loadConfig({ env: withCheckoutSessions(terminal.env), flags, home: terminal.home, platform: terminal.platform });
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
}

function describe({ name, state, detail, fix }: Check): string {
  return `${MARKS[state]}${name}: ${detail}\n${fix === null ? '' : `        → ${fix}\n`}`;
}
