import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';

/** A way to a port that can be shut, as a network can. */
export interface TcpDoor extends AsyncDisposable {
  readonly port: number;
  /** Breaks what is open and lets nothing new through. */
  shut(): void;
  open(): void;
}

export async function openTcpDoor(target: number): Promise<TcpDoor> {
  const sockets = new Set<Socket>();
  let isShut = false;
  const server = createServer((near) => {
    if (isShut) return near.destroy();
    const far = connect(target, '127.0.0.1');
    for (const [socket, other] of [[near, far], [far, near]] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const shut = (): void => {
    isShut = true;
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: (server.address() as AddressInfo).port, shut, open: () => { isShut = false; },
    [Symbol.asyncDispose]: async () => {
      shut();
      await new Promise((resolve) => { server.close(resolve); });
    },
  };
}
