import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { SidecarError } from '../../contracts/index.ts';
import { V1_PROTOCOL, WireError, decodeDefault, decodeV1, encodeDefault, encodeV1 } from '../../execution/notebook/index.ts';
import type { ClientChannel, JupyterKernels, JupyterMessage } from '../../execution/notebook/index.ts';

const MESSAGE_BYTES = 16 * 1024 * 1024;
const UNREAD_BYTES = 4 * 1024 * 1024;
/** A burst may pass the bound for a moment; a client that reads has caught up after this. */
const UNREAD_MS = 2_000;
const MOST_UNREAD_BYTES = 64 * 1024 * 1024;
const PING_MS = 30_000;
const SILENCE_MS = 90_000;
const CLOSE_MS = 200;
const CLOSE = { away: 1001, unsupported: 1003, gone: 1011 } as const;

/** The WebSocket side of `/jupyter`: one socket per client and kernel. */
export interface KernelSockets {
  /** Takes an admitted upgrade over. Throws KERNEL_NOT_FOUND before anything is answered. */
  accept(request: IncomingMessage, socket: Socket, upgrade: { head: Buffer; kernelId: string; clientName: string }): void;
  close(): void;
}

export function createKernelSockets(kernels: JupyterKernels): KernelSockets {
  const server = new WebSocketServer({
    noServer: true, maxPayload: MESSAGE_BYTES, perMessageDeflate: false, clientTracking: true,
    handleProtocols: (offered) => (offered.has(V1_PROTOCOL) ? V1_PROTOCOL : false),
  });
  return {
    accept: (request, socket, { head, kernelId, clientName }) => {
      kernels.get(kernelId);
      socket.setNoDelay(true);
      server.handleUpgrade(request, socket, head, (webSocket) => new KernelSocket(webSocket, kernels, { kernelId, clientName }).open());
    },
    close: () => {
      for (const client of server.clients) closeWithin(client, CLOSE_MS);
      server.close();
    },
  };
}

/** One client of one kernel, in the framing that it chose. */
class KernelSocket {
  readonly #socket: WebSocket;
  readonly #kernels: JupyterKernels;
  readonly #names: { kernelId: string; clientName: string };
  readonly #isV1: boolean;
  readonly #unsent = new Set<JupyterMessage>(); // left when the system has taken a message, or with the socket
  #channel: ClientChannel | null = null;
  #silentMs = 0;
  #lagging: NodeJS.Timeout | null = null;

  constructor(socket: WebSocket, kernels: JupyterKernels, names: { kernelId: string; clientName: string }) {
    this.#socket = socket;
    this.#kernels = kernels;
    this.#names = names;
    this.#isV1 = socket.protocol === V1_PROTOCOL;
  }

  open(): void {
    const socket = this.#socket;
    const watch = setInterval(() => this.#watch(), PING_MS);
    watch.unref();
    socket.on('message', (bytes: RawData, isBinary: boolean) => this.#receive(toBuffer(bytes), isBinary));
    socket.on('pong', () => { this.#silentMs = 0; });
    socket.on('error', () => socket.terminate());
    socket.once('close', () => {
      clearInterval(watch);
      if (this.#lagging !== null) clearTimeout(this.#lagging);
      this.#channel?.leave([...this.#unsent]);
    });
    this.#channel = this.#kernels.attach(this.#names.kernelId, this.#names.clientName, {
      message: (message) => this.#send(message),
      dead: () => socket.close(CLOSE.gone, 'the kernel is dead'),
    });
  }

  #send(message: JupyterMessage): void {
    const socket = this.#socket;
    this.#unsent.add(message);
    if (socket.readyState !== socket.OPEN) return;
    socket.send(this.#isV1 ? encodeV1(message) : encodeDefault(message), (error) => {
      if (error === undefined || error === null) this.#unsent.delete(message);
    });
    if (socket.bufferedAmount > MOST_UNREAD_BYTES) socket.terminate();
    else if (socket.bufferedAmount > UNREAD_BYTES) this.#lagging ??= setTimeout(() => this.#checkLag(), UNREAD_MS);
  }

  #checkLag(): void {
    this.#lagging = null;
    if (this.#socket.bufferedAmount > UNREAD_BYTES) this.#socket.terminate();
  }

  #receive(bytes: Buffer, isBinary: boolean): void {
    this.#silentMs = 0;
    try {
      const message = this.#isV1 ? decodeV1(bytes) : decodeDefault(bytes, isBinary);
      if (message.channel === 'iopub') throw new WireError('no client speaks on iopub');
      this.#channel?.send(message);
    } catch (error) {
      if (!(error instanceof WireError) && !(error instanceof SidecarError)) throw error;
      this.#socket.close(error instanceof WireError ? CLOSE.unsupported : CLOSE.gone, error.message);
    }
  }

  #watch(): void {
    this.#silentMs += PING_MS;
    if (this.#silentMs > SILENCE_MS) this.#socket.terminate();
    else if (this.#socket.readyState === this.#socket.OPEN) this.#socket.ping();
  }
}

/** A client that does not answer the close must not hold the service up. */
function closeWithin(client: WebSocket, graceMs: number): void {
  const timer = setTimeout(() => client.terminate(), graceMs);
  client.once('close', () => clearTimeout(timer));
  client.close(CLOSE.away);
}

function toBuffer(bytes: RawData): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Array.isArray(bytes) ? Buffer.concat(bytes) : Buffer.from(bytes);
}
