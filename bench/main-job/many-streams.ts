import { afterMs, createProvider, memoReply, text, companionReply } from '../../tests/support/provider/index.ts';
import type { Part } from '../../tests/support/provider/index.ts';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import type { SidecarProcess } from '../../tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { providerEnvironment, seedSessions, timeCall } from './bench-sessions.ts';

const SESSIONS = 200;
const PIECES = 60;
const PIECE = 'one more piece of text ';
const PROSE = PIECE.repeat(PIECES);

function slowReply(): Part[] {
  const [head = '', tail = ''] = companionReply({ prose: '\u0001' }).split('\u0001');
  return [text(head), ...Array.from({ length: PIECES }, () => [afterMs(50), text(PIECE)]).flat(), text(tail)];
}

async function follow(sidecar: SidecarProcess, sessionId: string): Promise<boolean> {
  await using stream = await sidecar.send(sessionId, 'Tell me more.');
  await stream.untilTerminal();
  const shown = stream.events.filter((event) => event.type === 'companion_chunk').map((event) => event.data['content']).join('');
  return shown.trim() === PROSE.trim() && stream.events.at(-1)?.type === 'complete';
}

/** 200 sessions that stream at once: is every answer whole, and does `/health` stay quick? */
export async function measureManyStreams(): Promise<Row[]> {
  await using provider = await createProvider();
  await using folder = await createTemporaryFolder('bench-many');
  const ids = await seedSessions(folder.path, SESSIONS);
  await using sidecar = await startSidecar({ sessionsDir: folder.path, env: providerEnvironment(provider) });
  provider.always('ca-model', slowReply());
  provider.always('ma-model', memoReply());
  const health: number[] = [];
  let isRunning = true;
  const watching = (async () => {
    while (isRunning) health.push(await timeCall(sidecar, 'GET', '/health'));
  })();
  const whole = await Promise.all(ids.map((id) => follow(sidecar, id)));
  isRunning = false;
  await watching;
  const latency = summarize(health);
  const lost = whole.filter((isWhole) => !isWhole).length;
  return [
    { what: `${SESSIONS} sessions streaming at once: answers lost or changed`, unit: '', measured: lost, target: 0, peer: null, detail: null },
    { what: `/health p99 while ${SESSIONS} sessions stream`, unit: 'ms', measured: latency.p99, target: 50, peer: null, detail: latency },
  ];
}
