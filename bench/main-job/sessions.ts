import { startSidecar } from '../../tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { createQuickProvider, providerEnvironment, seedSessions, timeCall } from './bench-sessions.ts';

const CREATES = 25;
const LISTS = 60;

/** Session create (no model call), and the list of a thousand sessions. */
export async function measureSessions(): Promise<Row[]> {
  await using provider = await createQuickProvider();
  await using folder = await createTemporaryFolder('bench-sessions');
  await seedSessions(folder.path, 1_000);
  await using sidecar = await startSidecar({ sessionsDir: folder.path, env: providerEnvironment(provider) });
  const creates: number[] = [];
  for (let index = 0; index < CREATES; index += 1) {
    const started = performance.now();
    await sidecar.create();
    creates.push(performance.now() - started);
  }
  if (provider.requests.length > 0) throw new Error('creating a session called the model');
  const lists: number[] = [];
  for (let index = 0; index < LISTS; index += 1) lists.push(await timeCall(sidecar, 'GET', '/api/sessions'));
  const stall = Number((await sidecar.call('GET', '/api/diagnostics')).body.event_loop_delay_ms);
  const create = summarize(creates);
  const list = summarize(lists.slice(5));
  return [
    { what: 'session create', unit: 'ms', measured: create.p50, target: 50, peer: null, detail: { create, modelCalls: 0 } },
    { what: 'list of 1000 sessions, answer complete at the client', unit: 'ms', measured: list.p50, target: 20, peer: { name: 'predecessor, 500 sessions', value: 140 }, detail: list },
    { what: 'longest event-loop stall of that run', unit: 'ms', measured: stall, target: 50, peer: null, detail: null },
  ];
}
