import type { Language } from '../../contracts/index.ts';
import type { StepName, StreamName } from './worker-contract.ts';

/** How a run is stopped, and who hears of it. */
export interface RunHooks {
  /** Aborted = stop on request. */
  signal: AbortSignal;
  language: Language;
  onText(stream: StreamName, text: string): void;
  onStep(step: StepName): void;
}
