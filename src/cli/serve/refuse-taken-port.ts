import { createServer } from 'node:net';
import type { Config } from '../../config/index.ts';

/**
 * Rejects with the system's error when another program has the port. Asked before the store is opened: of two starts that race,
 * the second must not wait for a lock only to learn that its port is gone too.
 */
export async function refuseTakenPort({ host, port }: Pick<Config, 'host' | 'port'>): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  await new Promise<void>((resolve, reject) => {
    probe.once('error', reject);
    probe.listen({ host, port, exclusive: true }, () => probe.close(() => resolve()));
  });
}
