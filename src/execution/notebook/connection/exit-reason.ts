import { signalOf, wasBrokerLost } from '../../guard/index.ts';
import type { Backend, ExitFacts } from '../../guard/index.ts';
import { settleReason } from '../../worker/index.ts';
import type { Reason } from '../../worker/index.ts';

const PROTOCOL_FAILED = 123;

/** Why a kernel process ended by itself: host facts only, since nothing that it says about its end counts. */
export function reasonOfExit(exit: ExitFacts, backend: Backend, hasSaidBye: boolean): { reason: Reason; detail: string; signal: string | null } {
  if (wasBrokerLost(exit, backend)) return { reason: 'worker_lost', detail: 'network broker', signal: null };
  if (exit.code === PROTOCOL_FAILED) return { reason: 'worker_lost', detail: 'protocol', signal: null };
  const { reason, signal } = settleReason({
    stopped: null, limit: exit.limit, exit, signal: signalOf(exit, backend), trailer: null, isOutputCut: false,
  });
  // A kernel that ends without an error and without our wish ended itself.
  if (reason === 'ok') return { reason: 'exit', detail: hasSaidBye ? 'exit' : 'exit 0', signal };
  return { reason, detail: signal ?? (exit.code === null ? reason : `exit ${exit.code}`), signal };
}
