import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below the range that systems hand out by themselves, so that no other test gets the port by chance before it is used. */
const [FIRST, END] = [20_000, 32_000];

/** A port that nobody listens on. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(FIRST, END);
    const server = createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(() => true, () => false); // taken: another one
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
