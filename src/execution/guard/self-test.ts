import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import * as z from 'zod';
import type { Ids } from '../../config/index.ts';
import type { Lane } from '../../contracts/index.ts';
import type { ExitFacts, GuardedChild, KillFacts, LaneLimits, SpawnRequest } from './guard-contract.ts';

/** A bound for hanging. With a list of hosts a broker and its relays start first, which a busy machine does slowly. */
const STEP_MS = 2_500;
const BROKER_STEP_MS = 10_000;
const BEAT_MS = 60;
const MIB = 1024 * 1024;

/** What the program inside said; words, see `selftest.py`. */
export const SelfTestAnswerSchema = z.object({
  write_outside: z.string(), write_system: z.string(), write_inside: z.string(), change_outside: z.string(), read_home: z.string(),
  environment: z.array(z.string().max(100)).max(200), host_environment: z.string(), connect: z.string(), socket_pair: z.string(),
  signal_host: z.string(), forks: z.int(), raise_limits: z.string(), daemon: z.string().optional(),
});

/** What one backend did to one lane's program, as the host saw it. */
export interface SelfTestFacts {
  answer: z.infer<typeof SelfTestAnswerSchema>;
  forkLimit: number;
  isOutsideWritten: boolean;
  canaryHits: number;
  wasInterrupted: boolean;
  kill: KillFacts;
  /** The daemon was seen beating, and whether it went on after the kill. */
  daemon: { beat: boolean; beatsAfterKill: boolean };
  /** Null where this part was not run for the lane. */
  memory: ExitFacts | null;
  /** Only where processes are watched: what happened beyond the limit. */
  processes: 'refused' | 'ended' | 'passed' | null;
  endsWithLifeline: boolean | null;
}

/** What the test needs from the guard. */
export interface SelfTestParts {
  /** Where canaries, workspaces and heartbeats lie during the test. */
  folder: string;
  /** The user's real home; a planted file there is removed again. */
  homeDir: string;
  limits: LaneLimits;
  /** True where the system refuses a process beyond the limit; else the host watches and ends the tree. */
  refusesForks: boolean;
  ids: Ids;
  spawn(request: SpawnRequest): Promise<GuardedChild>;
}

/** Runs one lane's test under whatever `spawn` chooses. Throws when the program does not start. */
export async function runSelfTest(parts: SelfTestParts, lane: Lane): Promise<SelfTestFacts> {
  const canary = await openCanary();
  const planted = join(parts.homeDir, `.sidecar-self-test-${parts.ids.secret(6)}`);
  const workspace = makeWorkspace(parts, lane);
  try {
    tryPlant(planted);
    const main = testMain(parts, { lane, workspace, planted, canary });
    if (lane === 'expert') return { ...(await main), memory: null, processes: null, endsWithLifeline: null };
    const memory = testMemory(parts, lane);
    const processes = parts.refusesForks ? null : testProcesses(parts, lane);
    const [facts, endsWithLifeline] = await Promise.all([main, testLifeline(parts, lane), memory, processes]);
    return { ...facts, memory: await memory, processes: await processes, endsWithLifeline };
  } finally {
    rmSync(planted, { force: true });
    canary.server.close();
  }
}

interface Canary { server: Server; port: number; hits: number }
interface MainOrder { lane: Lane; workspace: string; planted: string; canary: Canary }

async function testMain(parts: SelfTestParts, order: MainOrder): Promise<Omit<SelfTestFacts, 'memory' | 'processes' | 'endsWithLifeline'>> {
  const { lane, workspace, canary } = order;
  const limits: LaneLimits = { ...parts.limits, threads: 12, memoryBytes: 256 * MIB };
  const child = await spawnTest(parts, { lane, workspace, limits });
  const writable = lane === 'expert' ? 'out/' : '';
  const outside = join(parts.folder, `outside-${lane}`);
  const heartbeat = join(workspace, writable, 'heartbeat');
  const lines = readLines(child);
  try {
    await lines.next();
    child.arm(limits);
    send(child, {
      test: 'all', outside, system: '/usr/sidecar-self-test', inside: `${child.guest.workspace}/${writable}inside`, planted: order.planted,
      host_pid: process.pid, port: canary.port, forks: parts.refusesForks ? limits.threads + 8 : 2, heartbeat: `${child.guest.workspace}/${writable}heartbeat`, limits,
    });
    const answer = SelfTestAnswerSchema.parse(await lines.next());
    await lines.next();
    child.stdin.write('I');
    const wasInterrupted = z.object({ interrupted: z.literal(true) }).safeParse(await lines.next()).success;
    const beat = existsSync(heartbeat);
    const kill = await child.kill();
    return {
      answer, forkLimit: limits.threads, isOutsideWritten: existsSync(outside), canaryHits: canary.hits, wasInterrupted, kill,
      daemon: { beat, beatsAfterKill: beat && await grows(heartbeat) },
    };
  } finally {
    await child.kill();
  }
}

async function testMemory(parts: SelfTestParts, lane: Lane): Promise<ExitFacts> {
  const limits: LaneLimits = { ...parts.limits, memoryBytes: 128 * MIB };
  const child = await spawnTest(parts, { lane, workspace: makeWorkspace(parts, 'user', 'memory'), limits });
  try {
    await readLines(child).next();
    child.arm(limits);
    send(child, { test: 'memory', limits });
    return await within(child, child.exited, 'the memory test did not end');
  } finally {
    await child.kill();
  }
}

/** The limit of the user refuses a process, or the host sees too many and ends the tree. */
async function testProcesses(parts: SelfTestParts, lane: Lane): Promise<'refused' | 'ended' | 'passed'> {
  const limits: LaneLimits = { ...parts.limits, threads: 12 };
  const child = await spawnTest(parts, { lane, workspace: makeWorkspace(parts, 'user', 'processes'), limits });
  const lines = readLines(child);
  try {
    await lines.next();
    child.arm(limits);
    send(child, { test: 'processes', limits, forks: limits.threads + 8 });
    const said = await lines.next().catch(() => null);
    if (said === null) return (await within(child, child.exited, 'the test of processes did not end')).limit?.kind === 'processes' ? 'ended' : 'passed';
    return z.object({ forks: z.int().max(limits.threads) }).safeParse(said).success ? 'refused' : 'passed';
  } finally {
    await child.kill();
  }
}

/** Ends only when nobody holds the other end: what happens when the host dies. */
async function testLifeline(parts: SelfTestParts, lane: Lane): Promise<boolean> {
  const child = await spawnTest(parts, { lane, workspace: makeWorkspace(parts, 'user', 'lifeline'), limits: parts.limits });
  const lines = readLines(child);
  try {
    await lines.next();
    send(child, { test: 'wait', limits: parts.limits });
    await lines.next();
    child.stdin.end();
    return await within(child, child.exited, 'still alive').then(() => true, () => false);
  } finally {
    await child.kill();
  }
}

function spawnTest(parts: SelfTestParts, how: { lane: Lane; workspace: string; limits: LaneLimits }): Promise<GuardedChild> {
  return parts.spawn({
    lane: how.lane, program: { script: 'selftest.py', matplotlibBackend: 'agg' },
    workspace: {
      folder: how.workspace, home: how.lane === 'expert' ? null : join(how.workspace, '..', 'home'), packages: null, sessionId: 'self-test',
    },
    options: { limits: how.limits },
  });
}

function makeWorkspace(parts: SelfTestParts, lane: Lane, name: string = lane): string {
  const folder = join(parts.folder, name, 'workspace');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (lane === 'expert') for (const part of ['inputs', 'out']) mkdirSync(join(folder, part), { recursive: true });
  return folder;
}

function send(child: GuardedChild, order: object): void {
  child.stdin.write(`${JSON.stringify(order)}\n`);
}

/** Lines of JSON as they come; an end without a line says what stderr held. */
function readLines(child: GuardedChild): { next(): Promise<unknown> } {
  let rest = '';
  let stderr = '';
  const lines: string[] = [];
  let wake = (): void => {};
  child.stdout.on('data', (chunk: Buffer) => {
    const parts = (rest + chunk.toString('utf8')).split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts);
    wake();
  });
  child.stderr.on('data', (chunk: Buffer) => { stderr = (stderr + chunk.toString('utf8')).slice(-2_000); });
  const ended = child.exited.then((exit) => { throw new Error(stderr.trim().split('\n').at(-1) || `ended with ${exit.code ?? exit.signal}`); });
  ended.catch(() => {});
  return {
    next: async () => {
      if (lines.length === 0) await within(child, Promise.race([new Promise<void>((resolve) => { wake = resolve; }), ended]), 'no answer in time');
      return JSON.parse(lines.shift() ?? 'null');
    },
  };
}

async function within<T>(child: GuardedChild, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => { timer = setTimeout(() => reject(new Error(message)), child.backend === 'srt' ? BROKER_STEP_MS : STEP_MS); });
  return await Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function openCanary(): Promise<Canary> {
  const server = createServer((socket) => {
    canary.hits += 1;
    socket.destroy();
  });
  const canary: Canary = { server, port: 0, hits: 0 };
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve));
  const address = server.address();
  canary.port = typeof address === 'object' && address !== null ? address.port : 0;
  return canary;
}

async function grows(file: string): Promise<boolean> {
  const before = statSync(file).size;
  await new Promise((resolve) => setTimeout(resolve, BEAT_MS));
  return statSync(file).size > before;
}

function tryPlant(path: string): void {
  try {
    writeFileSync(path, 'planted', { mode: 0o600 });
  } catch {
    // A home that nobody can write to: reading the missing file fails, which is what counts.
  }
}
