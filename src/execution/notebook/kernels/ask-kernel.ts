import { SidecarError, codePointLength } from '../../../contracts/index.ts';
import type { Clock, Ids } from '../../../config/index.ts';
import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';
import type { KernelConnection } from '../connection/kernel-connection.ts';
import { createMessageMaker } from '../connection/new-message.ts';

/** Subshells by connection; an entry goes with its connection. */
const subshells = new WeakMap<KernelConnection, Promise<string | null>>();

/** How long a question may take. A running cell may hold an answer back for ever; an idle kernel is only slow, at its first completion. */
export interface AskTimes { askBusyMs: number; askIdleMs: number; isCompleteMs: number }
export const ASK_TIMES: AskTimes = { askBusyMs: 1_000, askIdleMs: 5_000, isCompleteMs: 500 };

export interface Question { type: string; content: JsonObject; timeoutMs: number }

/**
 * Asks a kernel something that is no cell, on a subshell where it offers them, so that the answer comes while a cell runs.
 * Null = no answer in time.
 */
export async function askKernel(connection: KernelConnection, tools: { clock: Clock; ids: Ids }, question: Question): Promise<JsonObject | null> {
  const make = createMessageMaker(tools, `sidecar-${connection.id}`);
  const deadline = AbortSignal.timeout(question.timeoutMs);
  subshells.set(connection, subshells.get(connection) ?? openSubshell(connection, make('control', 'create_subshell_request', {})));
  const subshell = await Promise.race([subshells.get(connection), aborted(deadline)]);
  const request = make('shell', question.type, question.content);
  if (typeof subshell === 'string') request.header.subshell_id = subshell;
  return await exchange(connection, request, deadline);
}

/** The answer, or KERNEL_BUSY. */
export async function askOrRefuse(connection: KernelConnection, tools: { clock: Clock; ids: Ids }, question: Question): Promise<JsonObject> {
  const answer = await askKernel(connection, tools, question);
  if (answer === null) throw new SidecarError('KERNEL_BUSY', 'the kernel did not answer in time', { retryAfterSeconds: 1 });
  return answer;
}

/** Asks on the main shell; waits for a cell that runs. Null = no answer in time. */
export async function askMainShell(connection: KernelConnection, tools: { clock: Clock; ids: Ids }, question: Question): Promise<JsonObject | null> {
  const request = createMessageMaker(tools, `sidecar-${connection.id}`)('shell', question.type, question.content);
  return await exchange(connection, request, AbortSignal.timeout(question.timeoutMs));
}

/** A question about a place in code, in code points; a kernel fails silently on a position behind the end. */
export function withinCode({ code, cursor_pos: position }: { code: string; cursor_pos: number }): { code: string; cursor_pos: number } {
  return { code, cursor_pos: Math.min(position, codePointLength(code)) };
}

async function openSubshell(connection: KernelConnection, request: JupyterMessage): Promise<string | null> {
  const { supported_features: features } = connection.info.reply;
  if (!Array.isArray(features) || !features.includes('kernel subshells')) return null;
  const reply = await exchange(connection, request, AbortSignal.timeout(SUBSHELL_MS));
  return typeof reply?.subshell_id === 'string' ? reply.subshell_id : null;
}

const SUBSHELL_MS = 5_000;

async function exchange(connection: KernelConnection, request: JupyterMessage, signal: AbortSignal): Promise<JsonObject | null> {
  const answered = Promise.withResolvers<JsonObject | null>();
  using _listening = connection.onMessage((message) => {
    if (message.channel === request.channel && parentIdOf(message) === request.header.msg_id) answered.resolve(message.content);
  });
  await connection.send(request);
  return await Promise.race([answered.promise, aborted(signal), connection.gone.then(() => null)]);
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null);
    else signal.addEventListener('abort', () => resolve(null), { once: true });
  });
}
