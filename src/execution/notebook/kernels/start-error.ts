import { SidecarError } from '../../../contracts/index.ts';
import { DEAD_KERNEL } from '../cells/cell-messages.ts';
import { KernelStartFailure } from '../connection/pipe-connection.ts';

/** The error that a route throws for a kernel that could not be started, or that stays dead until it is restarted. */
export function startError(error: unknown): unknown {
  if (!(error instanceof KernelStartFailure)) return error;
  const { reason, detail } = error.facts;
  if (detail === 'dead') return new SidecarError('KERNEL_BUSY', 'the kernel is dead', { cause: error, detail: DEAD_KERNEL });
  return new SidecarError('EXECUTION_UNAVAILABLE', `kernel: ${reason}: ${detail}`, { cause: error, retryAfterSeconds: 1 });
}
