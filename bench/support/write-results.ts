import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { toTable } from './statistics.ts';
import type { Row } from './statistics.ts';

const results = join(import.meta.dirname, '..', 'results');

/** Writes a run's raw numbers and its table, and prints the table. */
export function writeResults(name: string, title: string, rows: readonly Row[]): void {
  const machine = {
    node: process.version, platform: process.platform, arch: process.arch, os_release: release(), cpus: cpus().length,
    cpu: cpus()[0]?.model ?? 'unknown', memory_gib: Math.round(totalmem() / 2 ** 30), load_1m: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
  const table = toTable(rows);
  const command = name === 'main-job' ? 'npm run bench' : `npm run bench:${name}`;
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify({ at: new Date().toISOString(), machine, rows }, null, 2)}\n`);
  writeFileSync(join(results, `${name}.md`), `# ${title}\n\n${machine.cpus} × ${machine.cpu}, ${machine.memory_gib} GiB, ${machine.platform} ${machine.os_release}, Node ${machine.node}, load ${machine.load_1m} at the end. \`${command}\`; raw numbers in \`${name}.json\`.\n\n${table}\n`);
  console.log(`\n${table}\n`);
}
