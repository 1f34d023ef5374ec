import { DEFAULT_WAIT_MS, within } from './bounded.ts';

interface Gate {
  readonly reached: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

/** Named points where a reply waits for the test. A gate opens once and stays open. */
export class Gates {
  #gates = new Map<string, Gate>();

  /** Waits at a gate until it is released or the exchange has ended. */
  async pass(name: string, signal: AbortSignal): Promise<void> {
    const gate = this.#gate(name);
    gate.reached.resolve();
    await Promise.race([gate.released.promise, aborted(signal)]);
  }

  /** Lets every reply through this gate, now and later. */
  release(name: string): void {
    this.#gate(name).released.resolve();
  }

  /** Resolves when a reply stands at this gate. */
  async reached(name: string, withinMs = DEFAULT_WAIT_MS): Promise<void> {
    await within(this.#gate(name).reached.promise, withinMs, () => `no reply reached the gate "${name}"`);
  }

  /** Forgets all gates; whoever still waits at one goes on waiting for the end of its exchange. */
  clear(): void {
    this.#gates.clear();
  }

  #gate(name: string): Gate {
    const known = this.#gates.get(name);
    if (known !== undefined) return known;
    const gate = { reached: Promise.withResolvers<void>(), released: Promise.withResolvers<void>() };
    this.#gates.set(name, gate);
    return gate;
  }
}

/** Resolves when the signal aborts. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
