import { describeVariables } from '../../config/index.ts';
import type { SidecarClient } from '../../client/index.ts';
import { createSidecarClient } from '../../client/index.ts';
import { SupervisorError, createSupervisor } from '../../supervisor/index.ts';
import type { SupervisorProblem } from '../../supervisor/index.ts';
import { withCheckoutSessions } from '../demo/data-folder.ts';
import { UsageError } from '../command.ts';
import type { Terminal } from '../terminal.ts';

/** A way to a sidecar; closing it ends the sidecar if it was started for this. */
export interface Connection extends AsyncDisposable { client: SidecarClient }

interface Target { url: string | undefined; token: string | undefined }

/** Connects to a running sidecar, or starts one. Rejects with SupervisorError when it does not start. */
export async function connect({ url, token }: Target, terminal: Terminal): Promise<Connection> {
  if (url !== undefined) {
    return { client: createSidecarClient({ endpoint: { url: readAddress(url), token } }), [Symbol.asyncDispose]: async () => undefined };
  }
  terminal.err('[starting a sidecar …]\n');
  // Somebody else's sidecar that has the sessions does not go away by waiting.
  let refusal: SupervisorProblem | null = null;
  const supervisor = createSupervisor({
    node: process.execPath,
    program: process.argv[1] ?? '',
    environment: settingsOf(terminal.env),
    onChange: ({ state, problem }) => {
      if (state !== 'backoff') return;
      if (problem?.code !== 'STORE_LOCKED') return terminal.err('[the sidecar stopped and is started again]\n');
      refusal = problem;
      void supervisor.stop();
    },
  });
  await supervisor.start().catch((error: unknown) => {
    throw refusal === null ? error : new SupervisorError(refusal);
  });
  return { client: supervisor.client, [Symbol.asyncDispose]: () => supervisor.stop() };
}

/** The address of `--url`. Throws UsageError for anything that is no http address. */
function readAddress(text: string): string {
  const protocol = URL.parse(text)?.protocol;
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new UsageError(`--url needs an http address, such as http://127.0.0.1:4555, not ${JSON.stringify(text.slice(0, 200))}`);
  }
  return text;
}

/** The variables of this program; address and token belong to the supervisor, and the log does not belong into the conversation. */
function settingsOf(env: Terminal['env']): Record<string, string> {
  const names = describeVariables().map(({ name }) => name).filter((name) => !['HOST', 'PORT', 'SIDECAR_TOKEN', 'SIDECAR_AUTH'].includes(name));
  const given = withCheckoutSessions(env);
  return Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
}
