import { WebSocket } from 'ws';
import type { RawData } from 'ws';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import { FrameError } from '../connection/frame-codec.ts';
import { decodeDefault, encodeDefault } from '../connection/wire-default.ts';
import { V1_PROTOCOL, WireError, decodeV1, encodeV1 } from '../connection/wire-v1.ts';
import type { GatewayError } from './gateway-error.ts';
import { errorOfConnection, errorOfStatus } from './gateway-error.ts';

/** No message of a gateway may be longer. */
export const MESSAGE_BYTES = 64 * 1024 * 1024;
const HANDSHAKE_MS = 30_000;

/** `ws` gives up on a server that takes none of the framings offered, as gateways do that know the default one only. */
const NO_FRAMING = 'Server sent no subprotocol';

/** Why a socket is closed: refused or not reachable, a message over the bound, no Jupyter message, or the offered framing not taken. */
export interface SocketEnd { error: GatewayError | null; fault: 'none' | 'too_long' | 'protocol' | 'framing' }

export interface SocketAddress { url: string; headers: Record<string, string>; framings: readonly string[] }

export interface SocketListener {
  opened(): void;
  message(message: JupyterMessage): void;
  /** Once, last. */
  closed(end: SocketEnd): void;
}

/** One WebSocket to a remote kernel, in the framing that the gateway takes. No redirect is followed. */
export class GatewaySocket {
  readonly #socket: WebSocket;

  constructor({ url, headers, framings }: SocketAddress, listener: SocketListener) {
    const socket = new WebSocket(url, [...framings], { headers, maxPayload: MESSAGE_BYTES, perMessageDeflate: false, followRedirects: false, handshakeTimeout: HANDSHAKE_MS });
    const end: SocketEnd = { error: null, fault: 'none' };
    this.#socket = socket;
    socket.on('open', () => listener.opened());
    socket.on('unexpected-response', (_request, response) => {
      end.error = errorOfStatus(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on('message', (bytes: RawData, isBinary: boolean) => {
      if (end.fault !== 'none') return;
      const message = this.#decode(toBuffer(bytes), isBinary);
      if (message !== null) return listener.message(message);
      end.fault = 'protocol';
      socket.terminate();
    });
    socket.on('error', (error) => { // `close` follows.
      const { code } = error as { code?: unknown }; // proof: read as unknown
      if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') end.fault = 'too_long';
      else if (error.message === NO_FRAMING) end.fault = 'framing';
      else if (typeof code === 'string' && code.startsWith('WS_ERR_')) end.fault = 'protocol';
      if (end.fault !== 'none') socket.terminate(); // The other end may never take the close.
      else end.error ??= errorOfConnection(error);
    });
    socket.once('close', () => listener.closed(end));
  }

  get isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message: JupyterMessage): void {
    this.#socket.send(this.#socket.protocol === V1_PROTOCOL ? encodeV1(message) : encodeDefault(message));
  }

  /** True when the other end answered in time. */
  async ping(timeoutMs: number): Promise<boolean> {
    if (!this.isOpen) return false;
    const answered = Promise.withResolvers<boolean>();
    const onPong = (): void => answered.resolve(true);
    const onEnd = (): void => answered.resolve(false);
    const timer = setTimeout(onEnd, timeoutMs);
    this.#socket.once('pong', onPong).once('close', onEnd);
    this.#socket.ping();
    return await answered.promise.finally(() => {
      clearTimeout(timer);
      this.#socket.off('pong', onPong).off('close', onEnd);
    });
  }

  close(): void {
    this.#socket.close();
  }

  #decode(bytes: Buffer, isBinary: boolean): JupyterMessage | null {
    try {
      return this.#socket.protocol === V1_PROTOCOL ? decodeV1(bytes) : decodeDefault(bytes, isBinary);
    } catch (error) {
      if (error instanceof WireError || error instanceof FrameError) return null;
      throw error;
    }
  }
}

function toBuffer(bytes: RawData): Buffer {
  if (Buffer.isBuffer(bytes)) return bytes;
  return Array.isArray(bytes) ? Buffer.concat(bytes) : Buffer.from(bytes);
}
