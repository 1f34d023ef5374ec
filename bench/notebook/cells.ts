import { loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import { jupyterPython } from '../../tests/support/jupyter-environment.ts';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import type { SidecarProcess } from '../../tests/support/sidecar-process.ts';
import { memoryOf } from '../main-job/start-and-memory.ts';
import { createClient } from '../execution/local-client.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { openJupyterClient, openJupyterServer, openJupyterWay } from './ways.ts';
import type { Timed, Way } from './ways.ts';

const WARM = 150;
const WARM_UPS = 10;
const COLD = 6;
const FLOODS = 3;
const KERNELS = 4;
const SPARE_MS = 3_000;
const OUTPUTS = 10_000;
const FLOOD = `for i in range(${OUTPUTS}): print(i, flush=True)`;
const FLOOD_CHARACTERS = Array.from({ length: OUTPUTS }, (_, index) => `${index}\n`).join('').length;

type Name = 'route' | 'door' | 'jupyter_client' | 'Jupyter Server';
type Measured = Record<Name, Timed[]>;
type Client = ReturnType<typeof createClient>;

async function runCell(client: Client, session: string, code: string): Promise<Timed> {
  const { body, ms } = await client.call('POST', `/api/session/${session}/notebook/cell/run`, { code });
  if (body.success !== true) throw new Error(`a cell ended badly: ${JSON.stringify(body).slice(0, 500)}`);
  return { ms, printed: body.stdout?.length ?? 0 };
}

/** The notebook routes of a session, as one way more. */
async function openRoute(sidecar: SidecarProcess): Promise<Way> {
  const session = await sidecar.create();
  const client = createClient(sidecar);
  return {
    warm: async (code) => await runCell(client, session, code),
    cold: async (code) => {
      await delay(SPARE_MS); // The spare gets ready while the learner reads.
      const started = performance.now();
      await client.call('POST', `/api/session/${session}/notebook/restart`);
      const { printed } = await runCell(client, session, code);
      return { ms: performance.now() - started, printed };
    },
    [Symbol.asyncDispose]: async () => client.close(),
  };
}

/** Every way once per round, one after the other. */
async function alternate(ways: Record<Name, Way>, { rounds, warmUps, run }: { rounds: number; warmUps: number; run(way: Way): Promise<Timed> }): Promise<Measured> {
  const measured: Measured = { route: [], door: [], jupyter_client: [], 'Jupyter Server': [] };
  for (let round = -warmUps; round < rounds; round += 1) {
    for (const name of Object.keys(ways) as Name[]) {
      const timed = await run(ways[name]);
      if (round >= 0) measured[name].push(timed);
    }
  }
  return measured;
}

interface Line { what: string; target: number; ours: Name; measured: Measured; at?: 'p50' | 'p99' }

function rowsOf({ what, target, ours, measured, at = 'p50' }: Line): Row[] {
  const series = Object.fromEntries(Object.entries(measured).map(([name, values]) => [name, { ...summarize(values.map(({ ms }) => ms)), printed: values.map(({ printed }) => printed).toSorted((one, other) => one - other)[0] }]));
  const value = (name: Name): number => series[name]?.[at] ?? Number.NaN;
  return (['jupyter_client', 'Jupyter Server'] as const).map((peer) => ({
    what: `${what}, ${at}`, unit: 'ms', measured: value(ours), target, peer: { name: peer, value: value(peer) },
    detail: peer === 'jupyter_client' ? { series, load: loadavg() } : null,
  }));
}

/** Cells in our routes and over the Jupyter door, against `jupyter_client` and Jupyter Server; then what a kernel costs the sidecar. */
export async function measureCells(): Promise<Row[]> {
  const python = await jupyterPython();
  await using sidecar = await startSidecar();
  await using bare = await startSidecar({ env: { SIDECAR_POOL_MB: '0' } });
  await using route = await openRoute(sidecar);
  await using door = await openJupyterWay({ url: `${bare.url}/jupyter`, token: bare.token });
  await using client = await openJupyterClient(python);
  await using server = await openJupyterServer(python);
  const ways: Record<Name, Way> = { route, door, jupyter_client: client, 'Jupyter Server': server };
  const warm = await alternate(ways, { rounds: WARM, warmUps: WARM_UPS, run: async (way) => await way.warm('1+1') });
  const floods = await alternate(ways, { rounds: FLOODS, warmUps: 1, run: async (way) => await way.warm(FLOOD) });
  const cold = await alternate(ways, { rounds: COLD, warmUps: 1, run: async (way) => await way.cold('1+1') });
  const lost = FLOOD_CHARACTERS - Math.min(...floods.route.map(({ printed }) => printed));
  const lostByPeer = FLOOD_CHARACTERS - Math.min(...floods['Jupyter Server'].map(({ printed }) => printed));
  return [
    ...rowsOf({ what: 'warm cell `1+1`, our route', target: 6, ours: 'route', measured: warm }),
    ...rowsOf({ what: 'warm cell `1+1`, our route', target: 15, ours: 'route', measured: warm, at: 'p99' }),
    ...rowsOf({ what: 'warm cell `1+1`, `/jupyter` WebSocket, reply and idle', target: 6, ours: 'door', measured: warm }),
    ...rowsOf({ what: 'request for a new kernel (restart) → first result, pre-warmed', target: 15, ours: 'route', measured: cold }),
    ...rowsOf({ what: 'request → first result, cold kernel in the sandbox', target: 700, ours: 'door', measured: cold }),
    ...rowsOf({ what: `${OUTPUTS} small outputs, our route`, target: summarize(floods.jupyter_client.map(({ ms }) => ms)).p50, ours: 'route', measured: floods }),
    { what: `characters lost of ${OUTPUTS} small outputs`, unit: 'characters', measured: lost, target: 0, peer: { name: 'Jupyter Server', value: lostByPeer }, detail: null },
    await measureMemory(bare),
  ];
}

async function measureMemory(sidecar: SidecarProcess): Promise<Row> {
  const sessions = await Promise.all(Array.from({ length: KERNELS }, async () => await sidecar.create()));
  await delay(SPARE_MS);
  const before = memoryOf(sidecar.pid).resident;
  const client = createClient(sidecar);
  for (const session of sessions) await runCell(client, session, '1+1');
  client.close();
  await delay(SPARE_MS);
  const after = memoryOf(sidecar.pid).resident;
  const measured = Math.round(Math.max(0, after - before) / KERNELS * 100) / 100;
  return { what: 'memory of the sidecar per kernel (RSS)', unit: 'MB', measured, target: 2, peer: null, detail: { before, after, kernels: KERNELS } };
}
