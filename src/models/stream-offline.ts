import type { Clock } from '../config/index.ts';
import type { LedgerRow } from '../contracts/index.ts';
import type { CallContext } from './gateway-contract.ts';
import { ModelError, type ModelPart, type ModelPort, type ModelRequest } from './port.ts';

/** The name under which the ledger keeps what the offline tutor said. */
export const OFFLINE_MODEL = 'offline-tutor';

/** Streams the offline tutor's answer and writes its ledger row; it costs nothing and is never tried twice. */
export async function* streamOffline(
  request: ModelRequest, context: CallContext, by: { tutor: ModelPort; clock: Clock; signal: AbortSignal },
): AsyncGenerator<ModelPart> {
  const startedAt = by.clock.monotonicMs();
  let firstAt: number | null = null;
  let isRecorded = false;
  const record = (finish: string, error: ModelError | null): void => {
    if (isRecorded) return;
    isRecorded = true;
    const { agent, purpose } = request;
    const row: LedgerRow = {
      turn_id: context.turnId, session_id: context.sessionId, agent, purpose, model: OFFLINE_MODEL, endpoint: 'offline', attempt: 1,
      usage: { input_tokens: 0, output_tokens: 0 }, estimated: false, ttft_ms: firstAt === null ? null : firstAt - startedAt,
      total_ms: by.clock.monotonicMs() - startedAt, finish, repaired: context.repaired ?? false, prompt_hash: context.promptHash,
      manifest: context.manifest, at: by.clock.now().toISOString(),
      ...(error === null ? {} : { error: { agent, kind: error.kind, retryable: error.retryable, detail: error.message } }),
    };
    context.onAttempt(row);
  };
  try {
    for await (const part of by.tutor.stream(request, by.signal)) {
      firstAt ??= by.clock.monotonicMs();
      if (part.type === 'finish') record(part.reason, null);
      yield part;
    }
  } catch (error) {
    if (error instanceof ModelError) record('error', error);
    throw error;
  } finally {
    record('aborted', new ModelError('aborted', 'the reader went away'));
  }
}
