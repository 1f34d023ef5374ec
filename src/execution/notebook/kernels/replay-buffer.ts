import type { JupyterMessage } from '../connection/jupyter-message.ts';

const KEPT_BYTES = 10 * 1024 * 1024;

interface Kept { message: JupyterMessage; bytes: number }

/** Messages that a client missed, in order, within 10 MiB; the oldest stream output goes first. */
export class ReplayBuffer {
  #kept: Kept[] = [];
  #bytes = 0;
  #lost = 0;

  add(message: JupyterMessage): void {
    const bytes = sizeOf(message);
    this.#kept.push({ message, bytes });
    this.#bytes += bytes;
    while (this.#bytes > KEPT_BYTES && this.#kept.length > 1) this.#forgetOne();
  }

  /** Everything kept, the notice of what was lost first. */
  drain(): { messages: JupyterMessage[]; lost: number } {
    const messages = this.#kept.map(({ message }) => message);
    const lost = this.#lost;
    this.#kept = [];
    this.#bytes = 0;
    this.#lost = 0;
    return { messages, lost };
  }

  #forgetOne(): void {
    const stream = this.#kept.findIndex(({ message }) => message.header.msg_type === 'stream');
    const [gone] = this.#kept.splice(Math.max(0, stream), 1);
    this.#bytes -= gone?.bytes ?? 0;
    this.#lost += 1;
  }
}

function sizeOf({ header, parent_header: parent, metadata, content, buffers }: JupyterMessage): number {
  const json = [header, parent, metadata, content].reduce((sum, part) => sum + JSON.stringify(part).length, 0);
  return buffers.reduce((sum, buffer) => sum + buffer.length, json);
}
