import { z } from 'zod';
import type { ExecutionSettings } from '../../../config/index.ts';
import { GatewayError, errorOfConnection, errorOfStatus } from './gateway-error.ts';

export type GatewaySettings = NonNullable<ExecutionSettings['kernelGateway']>;

const ANSWER_BYTES = 64 * 1024 * 1024;

const KernelSchema = z.object({ id: z.string().regex(/^[A-Za-z0-9_-]{1,128}$/), execution_state: z.string().optional().catch(undefined) });
const SpecsSchema = z.object({ kernelspecs: z.record(z.string(), z.unknown()) });

/** A kernel as the gateway knows it; `gone` = not any more. */
export type RemoteState = 'gone' | 'idle' | 'busy' | 'other';

/** The REST side of a Jupyter gateway: answers are bounded and parsed, and no redirect is followed. Throws GatewayError. */
export interface GatewayClient {
  /** Starts a kernel, under the wanted id where the gateway takes one; the answer is the id that it has. */
  start(wanted: string, environment: Readonly<Record<string, string>>, signal: AbortSignal): Promise<string>;
  look(id: string): Promise<RemoteState>;
  interrupt(id: string): Promise<void>;
  /** Ends a kernel; `unknown` = it was not there. */
  end(id: string): Promise<'ended' | 'unknown'>;
  /** Asks for something harmless with the token: is this a gateway that can run our kernels? */
  check(signal: AbortSignal): Promise<void>;
  /** Address and headers of a kernel's socket. */
  socketOf(id: string, session: string): { url: string; headers: Record<string, string> };
}

/** `onOutcome` hears after every call what is wrong, or null; `isStart` = it asked for a kernel, or for what a start needs. */
export function createGatewayClient(settings: GatewaySettings, { callMs, onOutcome }: { callMs: number; onOutcome?(problem: GatewayError | null, isStart: boolean): void }): GatewayClient {
  const headers: Record<string, string> = settings.token === null ? {} : { authorization: `${settings.authScheme} ${settings.token}` };
  const call = async (method: string, path: string, options: CallOptions = {}): Promise<string> => {
    try {
      const text = await exchange({ url: `${settings.url}${path}`, method, headers, callMs }, options);
      onOutcome?.(null, !path.startsWith(KERNEL));
      return text;
    } catch (error) {
      // Not to know a kernel is an answer; a caller that has left learns nothing about the gateway.
      if (error instanceof GatewayError) onOutcome?.(error.status === 404 && path.startsWith(KERNEL) ? null : error, !path.startsWith(KERNEL));
      throw error;
    }
  };
  const path = (id: string, tail = ''): string => `${KERNEL}${encodeURIComponent(id)}${tail}`;
  return {
    start: async (wanted, environment, signal) => {
      const body = { name: 'python3', kernel_id: wanted, env: { ...environment, KERNEL_ID: wanted } };
      return parse(await call('POST', '/api/kernels', { body, signal }), KernelSchema, 'kernel').id;
    },
    look: async (id) => {
      const text = await unlessMissing(call('GET', path(id)));
      if (text === null) return 'gone';
      const { execution_state: state } = parse(text, KernelSchema, 'kernel');
      return state === 'idle' || state === 'busy' ? state : 'other';
    },
    interrupt: async (id) => void await call('POST', path(id, '/interrupt')),
    end: async (id) => (await unlessMissing(call('DELETE', path(id))) === null ? 'unknown' : 'ended'),
    check: async (signal) => {
      const { kernelspecs } = parse(await call('GET', '/api/kernelspecs', { signal }), SpecsSchema, 'list of kernels');
      if (!Object.hasOwn(kernelspecs, 'python3')) throw new GatewayError('unusable', 'the gateway has no python3 kernel');
    },
    socketOf: (id, session) => ({
      url: `${settings.url.replace(/^http/, 'ws')}${path(id, '/channels')}?session_id=${encodeURIComponent(session)}`, headers,
    }),
  };
}

const KERNEL = '/api/kernels/';

interface CallOptions { body?: object; signal?: AbortSignal }

async function exchange({ url, method, headers, callMs }: { url: string; method: string; headers: Record<string, string>; callMs: number }, { body, signal }: CallOptions): Promise<string> {
  const limit = signal ?? AbortSignal.timeout(callMs);
  try {
    const response = await fetch(url, {
      method, redirect: 'manual', signal: limit,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await readBounded(response);
    if (!response.ok) throw errorOfStatus(response.status);
    return text;
  } catch (error) {
    if (error instanceof GatewayError) throw error;
    if (!limit.aborted) throw errorOfConnection(error);
    if (limit.reason instanceof DOMException && limit.reason.name === 'TimeoutError') throw new GatewayError('slow', 'the gateway did not answer in time', { cause: error });
    throw limit.reason;
  }
}

async function unlessMissing(answer: Promise<string>): Promise<string | null> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof GatewayError && error.status === 404) return null;
    throw error;
  }
}

function parse<T>(text: string, schema: z.ZodType<T>, what: string): T {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new GatewayError('unusable', `the gateway's answer is no ${what}`, { cause });
  }
}

async function readBounded(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > ANSWER_BYTES) throw new GatewayError('unusable', 'the gateway\'s answer is too long');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
