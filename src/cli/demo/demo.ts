import { randomBytes } from 'node:crypto';
import type { Config } from '../../config/index.ts';
import { loadConfig } from '../../config/index.ts';
import { UsageError, parseArguments } from '../command.ts';
import { announceFailure } from '../serve/failure.ts';
import { runServer } from '../serve/run-server.ts';
import type { ReadyFacts } from '../serve/run-server.ts';
import { describeFlags, settingOptions } from '../settings-options.ts';
import type { Terminal } from '../terminal.ts';
import { withCheckoutSessions } from './data-folder.ts';
import { renderFirstLook } from './first-look.ts';

export const help = `Usage: sidecar demo [options]

Runs the server with the sample course and shows on stderr how to talk to it. Without LLM_* variables the built-in offline
tutor answers. The workbench is always on. In a checkout the sessions lie in .sidecar/sessions unless a folder is named.

${describeFlags(['workbench', 'auth'])}
`;

const SAMPLE_CHAPTER = 'python_first_steps/ch1_reading_a_table';

/** Runs a server for a first look. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values: flags } = parseArguments(args, settingOptions());
  try {
    const settings = loadConfig({ env: withCheckoutSessions(terminal.env), flags, home: terminal.home, platform: terminal.platform });
    if (settings.auth.mode === 'desktop') throw new UsageError('desktop mode tells no token, and the demo needs one; use `sidecar serve --auth desktop`');
    const config = { ...settings, workbench: true }; // A first look asks for the page.
    return await runServer({
      config, terminal, parentGone: null, consoleLevel: 'warn', onReady: (facts) => terminal.err(explain(facts, { config, terminal })),
    });
  } catch (error) {
    return announceFailure(error, terminal);
  }
}

function explain({ url, token }: ReadyFacts, { config, terminal }: { config: Config; terminal: Terminal }): string {
  const { apiKey, model, provider } = config.models.endpoints.CA;
  const isOffline = provider === 'offline' || (apiKey === null && model === null);
  return renderFirstLook({
    url, token: terminal.isErrTerminal ? token : null, sessionsDir: config.sessionsDir, chapter: SAMPLE_CHAPTER,
    // The sessions of an earlier look are still there, so the printed commands need an id of their own.
    sessionId: `first-look-${randomBytes(2).toString('hex')}`, model: isOffline ? null : model ?? '',
  });
}
