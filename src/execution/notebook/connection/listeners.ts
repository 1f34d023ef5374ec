/** A set of listeners; each leaves by its own disposable. */
export class Listeners<T> {
  readonly #listeners = new Set<(value: T) => void>();

  add(listener: (value: T) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => { this.#listeners.delete(listener); } };
  }

  tell(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }
}
