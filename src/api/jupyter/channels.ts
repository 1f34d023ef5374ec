import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { WebSocketServer } from 'ws';
import type { RawData, WebSocket } from 'ws';
import { SidecarError } from '../../contracts/index.ts';
import { V1_PROTOCOL, WireError, decodeDefault, decodeV1, encodeDefault, encodeV1 } from '../../execution/notebook/index.ts';
import type { ClientChannel, JupyterKernels, JupyterMessage } from '../../execution/notebook/index.ts';

const MESSAGE_BYTES = 16 * 1024 * 1024;
const UNREAD_BYTES = 4 * 1024 * 1024;
const PING_MS = 30_000;
const SILENCE_MS = 90_000;
const CLOSE = { normal: 1000, away: 1001, unsupported: 1003, gone: 1011 } as const;

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
      for (const client of server.clients) client.close(CLOSE.away);
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
    if (socket.bufferedAmount > UNREAD_BYTES) socket.terminate();
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

function toBuffer(bytes: RawData): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Array.isArray(bytes) ? Buffer.concat(bytes) : Buffer.from(bytes);
}
