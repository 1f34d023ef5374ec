import type { AgentCode, LedgerRow, NoticeCode } from '../../contracts/index.ts';
import type { CallContext } from '../../models/index.ts';
import type { BuiltCall } from '../context/index.ts';
import type { EngineDeps } from './engine-deps.ts';

/** Who makes a call: a turn, or a memo job after it. */
export interface Caller {
  sessionId: string;
  turnId: string | null;
  signal: AbortSignal;
  countAttempt(row: LedgerRow): void;
  notice(code: NoticeCode, agent?: AgentCode): void;
}

/** The context of a call: every attempt goes to the ledger and to the caller's count at once. */
export function callContextOf(caller: Caller, built: BuiltCall, deps: EngineDeps): CallContext {
  return {
    sessionId: caller.sessionId, turnId: caller.turnId, manifest: built.manifest, promptHash: built.promptHash,
    estimatedInputTokens: built.estimatedInputTokens, ...(built.request.purpose === 'repair' ? { repaired: true } : {}),
    onAttempt: (row) => {
      caller.countAttempt(row); // First, so that the learner hears of the tokens also when the store is gone.
      deps.store.ledger.insert(row);
    },
    onNotice: (code) => caller.notice(code, built.request.agent),
  };
}
