import type { Server } from 'node:http';
import type { Socket } from 'node:net';

/** Keeps at most `limit` connections: a new one beyond it ends the one that has been idle longest, never a busy one. */
export function limitConnections(server: Server, limit: number): void {
  const idle = new Set<Socket>();
  let open = 0;
  server.on('connection', (socket) => {
    open += 1;
    idle.add(socket);
    socket.setNoDelay(true);
    socket.once('close', () => {
      open -= 1;
      idle.delete(socket);
    });
    if (open <= limit) return;
    const [oldest] = idle;
    if (oldest === undefined || oldest === socket) socket.destroy();
    else oldest.destroy();
  });
  server.on('upgrade', ({ socket }) => { idle.delete(socket); });
  server.on('request', ({ socket }, response) => {
    idle.delete(socket);
    response.once('close', () => {
      if (!socket.destroyed) idle.add(socket);
    });
  });
}
