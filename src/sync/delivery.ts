import type { BackendRow, OutboxRow, SessionRow } from '../store/index.ts';
import { callBackend } from './backend-client.ts';
import type { BackendAnswer, BackendClientDeps } from './backend-client.ts';
import { deliveryCall, registrationCall, tryParseRegistration } from './backend-requests.ts';
import { verdictOf } from './retry-rules.ts';

/** What a row's trip to the backend came to; `error` names it without a word of the backend. */
export type DeliveryOutcome =
  | { kind: 'sent' | 'unauthorized' | 'denied' | 'stopped' }
  | { kind: 'dead'; error: string }
  | { kind: 'retry'; error: string; retryAfterMs: number | null }
  | { kind: 'registered'; bid: string };

export interface Parcel {
  row: OutboxRow;
  backend: BackendRow;
  token: string;
  /** Read only when the backend does not know the session; null when it is gone. */
  session(): SessionRow | null;
}

/** Sends one row, and registers the session when the backend does not know it. Touches nothing of ours. */
export async function deliver(deps: BackendClientDeps, parcel: Parcel): Promise<DeliveryOutcome> {
  const answer = await callBackend(deps, deliveryCall(parcel.row, parcel.backend, parcel.token));
  const outcome = outcomeOf(answer, 'HTTP');
  return outcome.kind === 'unknown' ? await register(deps, parcel) : outcome;
}

async function register(deps: BackendClientDeps, parcel: Parcel): Promise<DeliveryOutcome> {
  const session = parcel.session();
  if (session === null) return { kind: 'stopped' }; // Deleted while the call ran; its rows are gone too.
  const answer = await callBackend(deps, registrationCall(session, parcel.backend, parcel.token));
  const outcome = outcomeOf(answer, 'REGISTER_HTTP');
  if (outcome.kind === 'sent') {
    const bid = answer.kind === 'answered' ? tryParseRegistration(answer.text) : null;
    return bid === null ? { kind: 'retry', error: 'REGISTER_WITHOUT_ID', retryAfterMs: null } : { kind: 'registered', bid };
  }
  // The row itself is not at fault here, so it is kept and tried again.
  if (outcome.kind === 'dead') return { ...outcome, kind: 'retry', retryAfterMs: null };
  return outcome.kind === 'unknown' ? { kind: 'retry', error: 'REGISTER_HTTP_404', retryAfterMs: null } : outcome;
}

function outcomeOf(answer: BackendAnswer, prefix: string): DeliveryOutcome | { kind: 'unknown' } {
  if (answer.kind === 'stopped') return { kind: 'stopped' };
  if (answer.kind === 'failed') return { kind: 'retry', error: answer.reason, retryAfterMs: null };
  const verdict = verdictOf(answer.status);
  const error = `${prefix}_${answer.status}`;
  switch (verdict) {
    case 'register': return { kind: 'unknown' };
    case 'dead': return { kind: 'dead', error };
    case 'retry': return { kind: 'retry', error, retryAfterMs: answer.retryAfterMs };
    case 'sent': case 'unauthorized': case 'denied': return { kind: verdict };
    default: return verdict satisfies never;
  }
}
