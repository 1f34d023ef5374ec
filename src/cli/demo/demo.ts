import type { Config } from '../../config/index.ts';
import { loadConfig } from '../../config/index.ts';
import { parseArguments } from '../command.ts';
import { announceFailure } from '../serve/failure.ts';
import { runServer } from '../serve/run-server.ts';
import type { ReadyFacts } from '../serve/run-server.ts';
import { describeFlags, settingOptions } from '../settings-options.ts';
import type { Terminal } from '../terminal.ts';
import { withCheckoutSessions } from './data-folder.ts';

export const help = `Usage: sidecar demo [options]

Runs the server with the sample course and shows on stderr how to talk to it. Without LLM_* variables the built-in offline
tutor answers. In a checkout the sessions lie in .sidecar/.

${describeFlags()}
`;

const SAMPLE_CHAPTER = 'python_first_steps/ch1_reading_a_table';

/** Runs a server for a first look. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values: flags } = parseArguments(args, settingOptions());
  try {
    const settings = loadConfig({ env: withCheckoutSessions(terminal.env), flags, home: terminal.home, platform: terminal.platform });
    const config = { ...settings, workbench: true }; // A first look asks for the page.
    return await runServer({
      config, terminal, parentGone: null, consoleLevel: 'warn', onReady: (facts) => terminal.err(explain(facts, config)),
    });
  } catch (error) {
    return announceFailure(error, terminal);
  }
}

function explain({ url, token }: ReadyFacts, config: Config): string {
  const { apiKey, model, provider } = config.models.endpoints.CA;
  const isOffline = provider === 'offline' || (apiKey === null && model === null);
  return `
sidecar runs at ${url} (sessions: ${config.sessionsDir})
${isOffline ? 'The built-in offline tutor answers: rules, not a language model.' : `The model ${model ?? ''} answers.`}

Open it in a browser:
  ${url}/#token=${token}

Or talk to it in another terminal:
  SIDECAR_TOKEN=${token} npm run -s sidecar -- chat --url ${url}

Or with curl:
  export SIDECAR_TOKEN=${token}
  curl -s ${url}/api/session/new -H "authorization: Bearer $SIDECAR_TOKEN" -H 'content-type: application/json' \\
    -d '{"chapter_id": "${SAMPLE_CHAPTER}", "session_id": "first-look"}'
  curl -sN ${url}/api/session/first-look/message/stream -H "authorization: Bearer $SIDECAR_TOKEN" -H 'content-type: application/json' \\
    -d '{"message": "Where do I start?"}'
  curl -s ${url}/api/session/first-look/dynamic_report -H "authorization: Bearer $SIDECAR_TOKEN"
${isOffline ? `
For a real model stop this and set, for example:
  LLM_PROVIDER=openai LLM_MODEL=… LLM_API_KEY=… npm start
  LLM_BASE_URL=http://127.0.0.1:11434/v1 LLM_MODEL=… npm start      (an OpenAI-compatible server on this machine)
` : ''}
Which guards hold on this machine when code runs, and what closes a gap:
  npm run -s sidecar -- doctor

Ctrl-C stops it.
`;
}
