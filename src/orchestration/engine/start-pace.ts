import { setImmediate as nextLoop } from 'node:timers/promises';

/** Lets heavy beginnings follow one another with a round of the event loop between them, so that a burst of turns blocks nobody. */
export class StartPace {
  #last: Promise<void> = Promise.resolve();

  /** Resolves when it is this one's place; at once when nobody waits. */
  async place(): Promise<void> {
    const mine = this.#last;
    this.#last = mine.then(async () => await nextLoop());
    await mine;
  }
}
