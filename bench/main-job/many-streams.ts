import { setTimeout as delay } from 'node:timers/promises';
import { afterMs, createProvider, memoReply, text, companionReply } from '../../tests/support/provider/index.ts';
import type { Part } from '../../tests/support/provider/index.ts';
import { openSse } from '../../tests/support/sse-client.ts';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import type { SidecarProcess } from '../../tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { watchHealth } from '../support/watch-health.ts';
import { providerEnvironment, seedSessions } from './bench-sessions.ts';

const SESSIONS = 200;
const PIECES = 80;
/** Each answer takes 8 s and the last one starts 2 s after the first, so that all stream at once for 6 s. */
const PIECE_MS = 100;
const START_MS = 10;
const PIECE = 'one more piece of text ';
const PROSE = PIECE.repeat(PIECES);

function slowReply(): Part[] {
  const [head = '', tail = ''] = companionReply({ prose: '\u0001' }).split('\u0001');
  return [text(head), ...Array.from({ length: PIECES }, () => [afterMs(PIECE_MS), text(PIECE)]).flat(), text(tail)];
}

async function follow(sidecar: SidecarProcess, sessionId: string, startMs: number): Promise<boolean> {
  await delay(startMs);
  await using stream = await openSse({
    url: `${sidecar.url}/api/session/${sessionId}/message/stream`, body: { message: 'Tell me more.' }, boundMs: 60_000,
    headers: { authorization: `Bearer ${sidecar.token}` },
  });
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
  const health = await watchHealth(sidecar.url);
  const whole = await Promise.all(ids.map((id, index) => follow(sidecar, id, index * START_MS)));
  const latency = summarize(await health.stop());
  const lost = whole.filter((isWhole) => !isWhole).length;
  return [
    { what: `${SESSIONS} sessions streaming at once: answers lost or changed`, unit: '', measured: lost, target: 0, peer: null, detail: null },
    { what: `/health p99 while ${SESSIONS} sessions stream`, unit: 'ms', measured: latency.p99, target: 50, peer: null, detail: latency },
  ];
}
