import { z } from 'zod';
import type { ExecutionSettings } from '../../../config/index.ts';

export type GatewaySettings = NonNullable<ExecutionSettings['kernelGateway']>;

const ANSWER_BYTES = 64 * 1024 * 1024;
const CALL_MS = 30_000;

const KernelSchema = z.object({ id: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/), execution_state: z.string().optional() });

/** The gateway answered with an error, or not at all. `status` 0 = no answer. */
export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly status: number;

  constructor(status: number, message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.status = status;
  }
}

/** The REST side of a Jupyter gateway: answers are bounded and parsed, and no redirect is followed. */
export interface GatewayClient {
  start(environment: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string>;
  /** `gone` = the gateway does not know the kernel any more. */
  look(id: string): Promise<'there' | 'gone'>;
  interrupt(id: string): Promise<void>;
  restart(id: string): Promise<void>;
  end(id: string): Promise<void>;
  /** Address and headers of a kernel's socket. */
  socketOf(id: string, session: string): { url: string; headers: Record<string, string> };
}

export function createGatewayClient(settings: GatewaySettings): GatewayClient {
  const headers: Record<string, string> = settings.token === null ? {} : { authorization: `${settings.authScheme} ${settings.token}` };
  const call = async (method: string, path: string, options: { body?: object; signal?: AbortSignal } = {}): Promise<string> => {
    const timeout = AbortSignal.timeout(CALL_MS);
    const response = await fetch(`${settings.url}${path}`, {
      method, redirect: 'manual', signal: options.signal ?? timeout,
      headers: { ...headers, ...(options.body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    }).catch((cause: unknown) => { throw new GatewayError(0, 'the gateway cannot be reached', { cause }); });
    const text = await readBounded(response);
    if (!response.ok) throw new GatewayError(response.status, `the gateway answered ${response.status}`);
    return text;
  };
  const path = (id: string, tail = ''): string => `/api/kernels/${encodeURIComponent(id)}${tail}`;
  return {
    start: async (environment, signal) => parseKernel(await call('POST', '/api/kernels', { body: { name: 'python3', env: environment }, signal })),
    look: async (id) => {
      try {
        await call('GET', path(id));
        return 'there';
      } catch (error) {
        if (error instanceof GatewayError && error.status === 404) return 'gone';
        throw error;
      }
    },
    interrupt: async (id) => void await call('POST', path(id, '/interrupt')),
    restart: async (id) => void await call('POST', path(id, '/restart')),
    end: async (id) => void await call('DELETE', path(id)),
    socketOf: (id, session) => ({
      url: `${settings.url.replace(/^http/, 'ws')}${path(id, '/channels')}?session_id=${encodeURIComponent(session)}`, headers,
    }),
  };
}

function parseKernel(text: string): string {
  try {
    return KernelSchema.parse(JSON.parse(text)).id;
  } catch (cause) {
    throw new GatewayError(0, 'the gateway\'s answer is no kernel', { cause });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES) throw new GatewayError(0, 'the gateway\'s answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
