import { describeVariables } from '../../config/index.ts';
import type { SidecarClient } from '../../client/index.ts';
import { createSidecarClient } from '../../client/index.ts';
import { createSupervisor } from '../../supervisor/index.ts';
import { withCheckoutSessions } from '../demo/data-folder.ts';
import type { Terminal } from '../terminal.ts';

/** A way to a sidecar; closing it ends the sidecar if it was started for this. */
export interface Connection extends AsyncDisposable { client: SidecarClient }

interface Target { url: string | undefined; token: string | undefined }

/** Connects to a running sidecar, or starts one. Rejects with SupervisorError when it does not start. */
export async function connect({ url, token }: Target, terminal: Terminal): Promise<Connection> {
  if (url !== undefined) {
    return { client: createSidecarClient({ endpoint: { url, token } }), [Symbol.asyncDispose]: async () => undefined };
  }
  const supervisor = createSupervisor({
    node: process.execPath,
    program: process.argv[1] ?? '',
    environment: settingsOf(terminal.env),
    onChange: ({ state }) => {
      if (state === 'backoff') terminal.err('[the sidecar stopped and is started again]\n');
    },
  });
  await supervisor.start();
  return { client: supervisor.client, [Symbol.asyncDispose]: () => supervisor.stop() };
}

/** The variables of this program; address and token belong to the supervisor, and the log does not belong into the conversation. */
function settingsOf(env: Terminal['env']): Record<string, string> {
  const names = describeVariables().map(({ name }) => name).filter((name) => !['HOST', 'PORT', 'SIDECAR_TOKEN', 'SIDECAR_AUTH'].includes(name));
  const given = withCheckoutSessions(env);
  return Object.fromEntries(names.flatMap((name) => (given[name] === undefined ? [] : [[name, given[name]]])));
}
