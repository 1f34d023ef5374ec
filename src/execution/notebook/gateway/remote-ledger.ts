import { z } from 'zod';
import type { Store } from '../../../store/index.ts';

/** A kernel that we asked a gateway for and that has not been seen to be gone. `isMade` = the gateway has said that it is there. */
export interface RemoteKernel { id: string; url: string; isMade: boolean; askedAtMs: number }

const KEY = 'kernel_gateway.kernels';
const KEPT = 200;
const RowsSchema = z.array(z.object({ id: z.string(), url: z.string(), isMade: z.boolean(), askedAtMs: z.number() })).catch([]);

/** Kernels on gateways, in the store: a gateway may refuse to list them, and they outlive a service that is killed. */
export class RemoteLedger {
  readonly #facts: Store['facts'];
  #rows: RemoteKernel[];

  constructor(facts: Store['facts']) {
    this.#facts = facts;
    this.#rows = RowsSchema.parse(facts.get(KEY, 0) ?? []);
  }

  /** Those of one gateway; a token goes to its own gateway only. */
  of(url: string): RemoteKernel[] {
    return this.#rows.filter((row) => row.url === url);
  }

  /** Notes a kernel, or what is new about it; the oldest leave beyond 200. */
  put(row: RemoteKernel): void {
    this.#write([...this.#rows.filter(({ id, url }) => id !== row.id || url !== row.url), row].slice(-KEPT));
  }

  remove({ id, url }: Pick<RemoteKernel, 'id' | 'url'>): void {
    this.#write(this.#rows.filter((row) => row.id !== id || row.url !== url));
  }

  #write(rows: RemoteKernel[]): void {
    this.#rows = rows;
    this.#facts.put(KEY, rows, null);
  }
}
