import { startSidecar } from './sidecar-process.ts';
import type { JsonAnswer, SidecarOptions, SidecarProcess } from './sidecar-process.ts';

/** Token of the gateways in tests. */
export const GATEWAY_TOKEN = 'a-token-for-the-gateway';

/** A running sidecar whose kernels are on a gateway. */
export interface RemoteNotebooks extends AsyncDisposable {
  sidecar: SidecarProcess;
  /** Calls a notebook route of a session. */
  call(sessionId: string, method: string, path: string, body?: object): Promise<JsonAnswer['body']>;
  run(sessionId: string, code: string, more?: object): Promise<JsonAnswer['body']>;
}

export async function startRemote(url: string, options: { token?: string } & SidecarOptions = {}): Promise<RemoteNotebooks> {
  const { token = GATEWAY_TOKEN, env = {}, ...more } = options;
  const sidecar = await startSidecar({ ...more, env: {
    SIDECAR_KERNEL_GATEWAY_URL: url, SIDECAR_KERNEL_GATEWAY_TOKEN: token, SIDECAR_KERNEL_GATEWAY_AUTH_SCHEME: 'token', SIDECAR_KERNEL_GATEWAY_ENV: 'KERNEL_USERNAME=ada', ...env,
  } });
  const call: RemoteNotebooks['call'] = async (sessionId, method, path, body) => (await sidecar.call(method, `/api/session/${sessionId}/notebook${path}`, body)).body;
  return {
    sidecar, call, run: async (sessionId, code, change = {}) => await call(sessionId, 'POST', '/cell/run', { code, ...change }),
    [Symbol.asyncDispose]: async () => {
      await sidecar.kill('SIGTERM');
      await sidecar[Symbol.asyncDispose]();
    },
  };
}
