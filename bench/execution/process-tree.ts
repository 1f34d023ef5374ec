import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';

/** A worker that has imported numpy and pandas is larger; one without imports is smaller. */
const LOADED_MB = 25;
const POLL_MS = 40;
const CALM_POLLS = 3;
const SETTLE_MS = 15_000;
const QUIET_MS = 2_000;

interface Seen { pid: number; state: string; ticks: number; residentMb: number }

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // Ended meanwhile.
  }
}

function childrenOf(pid: number): number[] {
  let tasks: string[] = [];
  try {
    tasks = readdirSync(`/proc/${pid}/task`);
  } catch {
    // Ended meanwhile.
  }
  return tasks.flatMap((task) => read(`/proc/${pid}/task/${task}/children`).split(' ').filter(Boolean).map(Number));
}

/** Python workers below a process. */
export function workersBelow(pid: number): Seen[] {
  const found: Seen[] = [];
  const waiting = [pid];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    waiting.push(...childrenOf(next));
    const [program = '', ...args] = read(`/proc/${next}/cmdline`).split('\0');
    if (!program.includes('python') || !args.some((argument) => argument.endsWith('worker.py'))) continue;
    const stat = read(`/proc/${next}/stat`);
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    found.push({ pid: next, state: fields[0] ?? '', ticks: Number(fields[11]) + Number(fields[12]), residentMb: Number(fields[21]) * 4096 / 1e6 });
  }
  return found;
}

/** Waits until `count` workers of each kind are there and stand still. False when that takes too long. */
export async function workersSettled(pid: number, count: number): Promise<boolean> {
  const until = performance.now() + SETTLE_MS;
  let last = '';
  for (let calm = 0; calm < CALM_POLLS;) {
    if (performance.now() > until) return false;
    await delay(POLL_MS);
    const seen = workersBelow(pid);
    const now = seen.map((each) => `${each.pid}${each.state}${each.ticks}`).join(' ');
    const loaded = seen.filter((each) => each.residentMb > LOADED_MB).length;
    const isReady = loaded >= count && seen.length - loaded >= count && seen.every((each) => each.state === 'S');
    calm = isReady && now === last ? calm + 1 : 0;
    last = now;
  }
  return true;
}

function cpuTimes(): { idle: number; all: number } {
  const times = cpus().map((cpu) => cpu.times);
  const idle = times.reduce((sum, each) => sum + each.idle, 0);
  return { idle, all: times.reduce((sum, each) => sum + each.idle + each.user + each.sys + each.nice + each.irq, 0) };
}

/** Waits for 90 % idle processors, at most two seconds; false when the machine stayed busy. */
export async function machineQuiet(): Promise<boolean> {
  const until = performance.now() + QUIET_MS;
  while (performance.now() < until) {
    const before = cpuTimes();
    await delay(80);
    const after = cpuTimes();
    if ((after.idle - before.idle) / Math.max(1, after.all - before.all) >= 0.9) return true;
  }
  return false;
}

/** Processes of this machine whose command line holds a text. */
export function processesNaming(text: string): number {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`).includes(text)).length;
}

/** Resident and proportional memory of a process, in MB. */
export function memoryOf(pid: number): { rss: number; pss: number } {
  const text = read(`/proc/${pid}/smaps_rollup`);
  const of = (name: string): number => Math.round(Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? Number.NaN) * 1.024) / 1000;
  return { rss: of('Rss'), pss: of('Pss') };
}

/** Highest resident memory of a process so far, in MB. */
export function peakOf(pid: number): number {
  return Math.round(Number(/VmHWM:\s+(\d+) kB/.exec(read(`/proc/${pid}/status`))?.[1] ?? Number.NaN) * 1.024) / 1000;
}

export const load = (): number[] => loadavg().map((value) => Math.round(value * 100) / 100);
