// Loaded into a measured program with NODE_OPTIONS=--import: notes each stall of its event loop, and how much of it the main thread computed.
// What is left was taken by other processes of the machine.
import { appendFileSync } from 'node:fs';

const STEP_MS = 5;
const STALL_MS = 15;
const file = process.env['BENCH_STALL_FILE'] ?? '';
let at = performance.now();
let used = process.threadCpuUsage();

setInterval(() => {
  const wallMs = performance.now() - at;
  const { user, system } = process.threadCpuUsage(used);
  if (wallMs > STALL_MS) appendFileSync(file, `${JSON.stringify({ at: Date.now(), wallMs, cpuMs: (user + system) / 1000 })}\n`);
  at = performance.now();
  used = process.threadCpuUsage();
}, STEP_MS).unref();
