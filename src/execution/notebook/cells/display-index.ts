import type { JsonObject } from '../connection/jupyter-message.ts';
import type { DisplayIndex } from './cell-outputs.ts';
import { StoredDisplays } from '../files/stored-displays.ts';
import type { RichOutput } from './output-types.ts';

const KEPT_IDS = 2_000;
const KEPT_OUTPUTS = 200;

/** Remembers the displays of a kernel by id; the oldest ids leave first. */
export class KernelDisplays implements DisplayIndex {
  readonly stored = new StoredDisplays();
  readonly #byId = new Map<string, RichOutput[]>(); // bounded by KEPT_IDS, cleared with the kernel's outputs

  add(displayId: string, output: RichOutput): void {
    const outputs = this.#byId.get(displayId) ?? [];
    outputs.push(output);
    if (outputs.length > KEPT_OUTPUTS) outputs.shift();
    this.#byId.delete(displayId);
    this.#byId.set(displayId, outputs);
    if (this.#byId.size <= KEPT_IDS) return;
    const [oldest] = this.#byId.keys();
    if (oldest !== undefined) this.#byId.delete(oldest);
  }

  update(displayId: string, { data, metadata }: { data: JsonObject; metadata: JsonObject }): boolean {
    const outputs = this.#byId.get(displayId);
    for (const output of outputs ?? []) this.stored.changed(Object.assign(output, { data, metadata }));
    return outputs !== undefined;
  }

  clear(): void {
    this.#byId.clear();
  }
}
