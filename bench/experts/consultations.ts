import { setTimeout as delay } from 'node:timers/promises';
import type { Provider } from '../../tests/support/provider/index.ts';
import { openSse } from '../../tests/support/sse-client.ts';
import type { SseEvent } from '../../tests/support/sse-client.ts';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import type { SidecarProcess } from '../../tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { providerEnvironment, seedSessions } from '../main-job/bench-sessions.ts';
import { memoryEnvironment, readHeldMemory } from '../support/held-memory.ts';
import type { HeldMemory } from '../support/held-memory.ts';
import { readStalls, stallEnvironment } from '../support/read-stalls.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { watchIdleLoop } from '../support/watch-idle-loop.ts';
import { TOOL_CALLS, addTable, createExpertProvider } from './expert-scenario.ts';

const CHAPTER = 'python_first_steps/ch2_comparing_groups';
/** Consultations one after the other that are measured, and those before them that are not. */
const SAMPLES = 20;
const WARM_UP = 10;
const AT_ONCE = 10;
const SETTLE_MS = 3_000;

interface Bench { provider: Provider; sidecar: SidecarProcess; ids: readonly string[] }

/** What a consultation takes beside the model, what it costs the event loop and memory, and whether ten at once all succeed. */
export async function measureConsultations(): Promise<Row[]> {
  await using provider = await createExpertProvider();
  await using folder = await createTemporaryFolder('bench-experts');
  const ids = await seedSessions(folder.path, AT_ONCE, { chapter_id: CHAPTER });
  for (const id of ids) await addTable(folder.path, id);
  const env = { ...providerEnvironment(provider), LLM_MODEL_EXP: 'exp-model', SIDECAR_PYTHON: process.env['SIDECAR_PYTHON'] ?? '' };
  const selfTestStallMs = await probeGuards(folder.path, env);
  const stallFile = folder.join('stalls.jsonl');
  const memoryFile = folder.join('memory.jsonl');
  const probes = [stallEnvironment(stallFile), memoryEnvironment(memoryFile)];
  const options = { NODE_OPTIONS: probes.map((probe) => probe.import).join(' ') };
  await using sidecar = await startSidecar({ sessionsDir: folder.path, env: Object.assign({ ...env, ...options }, ...probes.map((probe) => probe.env)) });
  const bench = { provider, sidecar, ids };
  const backend = await requireExpertLane(sidecar);

  const idleLoop = watchIdleLoop();
  const before = await settle(sidecar, memoryFile);
  const startedAt = Date.now();
  await consultInTurn(bench, WARM_UP);
  const firstDoneAt = Date.now();
  const warm = await settle(sidecar, memoryFile);
  const warmAt = Date.now();
  const own = await consultInTurn(bench, SAMPLES);
  const together = await Promise.all(ids.map(async (id) => await consultOnce(bench, id)));
  const doneAt = Date.now();
  const after = await settle(sidecar, memoryFile);
  const idleStallMs = await idleLoop.stop();
  const phases = { before, warm, after };
  const stalls = (await readStalls(stallFile)).filter(({ at }) => at >= startedAt && at <= doneAt);
  const computed = summarize(stalls.filter(({ at }) => at >= warmAt).map(({ cpuMs }) => cpuMs));
  const first = summarize(stalls.filter(({ at }) => at < firstDoneAt).map(({ cpuMs }) => cpuMs));
  const longest = summarize(stalls.filter(({ at }) => at < firstDoneAt || at >= warmAt).map(({ wallMs }) => wallMs));
  const ownTime = summarize(own.map(({ ownMs }) => ownMs));
  const failed = together.filter(({ isComplete }) => !isComplete).length;
  return [
    { what: `own time of a consultation with ${TOOL_CALLS} tool calls, one of them \`run_python\` on 5 MB of CSV, median`, unit: 'ms', measured: ownTime.p50, target: 1_000, peer: null, detail: { own: ownTime, provider: summarize(own.map(({ providerMs }) => providerMs)), backend } },
    { what: 'most that the main thread computed in one stall of the event loop', unit: 'ms', measured: computed.max, target: 50, peer: null, detail: computed },
    { what: `the same in the first ${WARM_UP} after a start, which load what is used for the first time`, unit: 'ms', measured: first.max, target: 50, peer: null, detail: first },
    { what: 'longest stall by the clock, with what other programs of the machine took', unit: 'ms', measured: longest.max, target: 50, peer: { name: 'an idle Node process at the same time', value: idleStallMs }, detail: { longest, selfTestStallMs } },
    { what: `consultations that failed of ${AT_ONCE} at once`, unit: '', measured: failed, target: 0, peer: null, detail: { wall: summarize(together.map(({ wallMs }) => wallMs)) } },
    { what: `memory held after ${SAMPLES + AT_ONCE} more consultations, above the level of the first ${WARM_UP}`, unit: 'MB', measured: round(Math.max(0, after.heldMb - warm.heldMb)), target: 10, peer: null, detail: phases },
    { what: 'child processes left over', unit: '', measured: after.children, target: 0, peer: null, detail: null },
  ];
}

/** Starts the program once, so that the self-test of the guards is made and kept; gives the longest stall of that start. */
async function probeGuards(sessionsDir: string, env: Record<string, string>): Promise<number> {
  await using sidecar = await startSidecar({ sessionsDir, env });
  await requireExpertLane(sidecar);
  await delay(SETTLE_MS);
  const { event_loop_delay_ms: stallMs } = (await sidecar.call('GET', '/api/diagnostics')).body;
  await sidecar.kill('SIGTERM');
  return stallMs;
}

async function requireExpertLane(sidecar: SidecarProcess): Promise<string> {
  const { expert } = (await sidecar.call('GET', '/api/capabilities')).body.lanes;
  if (expert.available !== true) throw new Error(`the expert lane is closed: ${expert.reason}`);
  return expert.backend;
}

interface Timing { isComplete: boolean; wallMs: number; providerMs: number; ownMs: number }

async function consultInTurn(bench: Bench, count: number): Promise<Timing[]> {
  const timings: Timing[] = [];
  for (let index = 0; index < count; index += 1) {
    const timing = await consultOnce(bench, bench.ids[index % bench.ids.length] ?? '');
    if (!timing.isComplete) throw new Error('a consultation failed');
    timings.push(timing);
  }
  return timings;
}

/** One turn with a consultation; times run from `consultation_start` to `consultation_complete`. */
async function consultOnce({ provider, sidecar }: Bench, sessionId: string): Promise<Timing> {
  await using stream = await openSse({
    url: `${sidecar.url}/api/session/${sessionId}/message/stream`, body: { message: 'Is it right?' }, boundMs: 120_000,
    headers: { authorization: `Bearer ${sidecar.token}` },
  });
  const events = await stream.untilTerminal();
  const start = events.find(({ type }) => type === 'consultation_start')?.at ?? Number.NaN;
  const end = events.find(({ type }) => type === 'consultation_complete')?.at ?? Number.NaN;
  const answered = provider.requests.filter(({ receivedAt, endedAt }) => receivedAt >= start && (endedAt ?? end) <= end);
  const providerMs = answered.reduce((sum, { receivedAt, endedAt }) => sum + (endedAt ?? end) - receivedAt, 0);
  return { isComplete: isWhole(events), wallMs: end - start, providerMs, ownMs: end - start - providerMs };
}

function isWhole(events: readonly SseEvent[]): boolean {
  const tools = events.filter(({ type }) => type === 'consultation_progress').map(({ data }) => data['tool']);
  return tools.join() === 'list_files,read_text,run_python,finish' && events.at(-1)?.type === 'complete';
}

/** What is held once nothing runs. */
async function settle(sidecar: SidecarProcess, memoryFile: string): Promise<HeldMemory & { children: number }> {
  await delay(SETTLE_MS);
  const { children } = (await sidecar.call('GET', '/api/diagnostics')).body;
  return { ...await readHeldMemory(sidecar.pid, memoryFile), children: children.live };
}

const round = (value: number): number => Math.round(value * 10) / 10;
