export interface RestartLimits {
  /** First pause after a crash; doubles with each further one. */
  backoffMs: number;
  backoffMaxMs: number;
  /** This many crashes within `crashWindowMs` mean that it is no use. */
  crashes: number;
  crashWindowMs: number;
}

export type RestartDecision = { kind: 'retry'; afterMs: number } | { kind: 'give-up' };

/** Counts crashes and says what follows. Pure apart from its own count. */
export class RestartPolicy {
  readonly #limits: RestartLimits;
  #crashes: number[] = [];

  constructor(limits: RestartLimits) {
    this.#limits = limits;
  }

  /** Forgets earlier crashes: after a start by hand, or after a long time without one. */
  clear(): void {
    this.#crashes = [];
  }

  /** Counts a crash at `now` (ms of a steady clock); `chance` in 0..1 spreads the pause over its upper half. */
  crash(now: number, chance: number): RestartDecision {
    this.#crashes = [...this.#crashes.filter((at) => now - at < this.#limits.crashWindowMs), now];
    const count = this.#crashes.length;
    if (count >= this.#limits.crashes) return { kind: 'give-up' };
    const pauseMs = Math.min(this.#limits.backoffMs * 2 ** (count - 1), this.#limits.backoffMaxMs);
    return { kind: 'retry', afterMs: Math.round(pauseMs * (0.5 + chance / 2)) };
  }
}
