import type { Clock } from '../../../config/index.ts';
import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import type { RemoteState } from './gateway-client.ts';

/**
 * The cell that a remote kernel works on. Silence of a cell is legal while its connection holds; after a lost one, output or the
 * reply itself may be lost, and then silence ends it.
 */
export class OpenCell {
  readonly #clock: Clock;
  readonly #silenceMs: number;
  #id = '';
  #exposedAtMs: number | null = null;
  #heardAtMs = 0;
  #cellHeardAtMs = 0;
  #state: RemoteState | 'unknown' = 'unknown';

  constructor(clock: Clock, silenceMs: number) {
    this.#clock = clock;
    this.#silenceMs = silenceMs;
  }

  /** Id of its request, or the empty text. */
  get id(): string {
    return this.#id;
  }

  /** When the kernel said anything for the last time. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Its connection was lost since it was sent. */
  get isExposed(): boolean {
    return this.#exposedAtMs !== null;
  }

  /** For too long the kernel has said nothing at all, or nothing of this cell although it is idle. */
  get isSilent(): boolean {
    if (this.#exposedAtMs === null) return false;
    const latest = Math.max(this.#exposedAtMs, this.#state === 'idle' ? this.#cellHeardAtMs : this.#heardAtMs);
    return this.#clock.monotonicMs() - latest > this.#silenceMs;
  }

  sent({ channel, header }: JupyterMessage): void {
    if (channel !== 'shell' || header.msg_type !== 'execute_request') return;
    this.#id = header.msg_id;
    this.#exposedAtMs = null;
    this.#cellHeardAtMs = this.#clock.monotonicMs();
  }

  heard(message: JupyterMessage): void {
    this.#heardAtMs = this.#clock.monotonicMs();
    if (this.#id === '' || parentIdOf(message) !== this.#id) return;
    this.#cellHeardAtMs = this.#heardAtMs;
    if (message.channel !== 'shell') return;
    this.#id = '';
    this.#exposedAtMs = null;
  }

  /** The connection was lost. */
  exposed(): void {
    if (this.#id !== '') this.#exposedAtMs ??= this.#clock.monotonicMs();
  }

  /** What REST says about the kernel. */
  seen(state: RemoteState | 'unknown'): void {
    this.#state = state;
  }
}
