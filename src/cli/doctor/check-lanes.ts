import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createIds, silentLog, systemClock } from '../../config/index.ts';
import type { Config } from '../../config/index.ts';
import { GUARD_IDS, createGuard } from '../../execution/guard/index.ts';
import type { CapabilityReport, ExecutionGuard, LaneCapability } from '../../execution/guard/index.ts';
import { probeGateway } from '../../execution/notebook/index.ts';
import type { Check } from './check.ts';
import { fine, problem, warning } from './check.ts';

/** Is there a Python for code and notebooks, and which guards of each lane hold when they are tried here and now? */
export async function checkLanes(config: Config): Promise<Check[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'sidecar-doctor-'));
  const guard = createGuard({ config, stateDir, clock: systemClock, ids: createIds(systemClock), log: silentLog });
  try {
    return await examine(guard);
  } finally {
    await guard.stop();
    rmSync(stateDir, { recursive: true, force: true });
  }
}

/** Can the gateway that is to run the kernels be reached, and does it take the token? Nothing where kernels run here. */
export async function checkGateway({ execution: { kernelGateway } }: Config): Promise<Check[]> {
  if (kernelGateway === null) return [];
  const found = await probeGateway(kernelGateway);
  if (found.problem !== null) return [problem('kernel gateway', `${kernelGateway.url}: ${found.problem}`, found.fix ?? '')];
  return [fine('kernel gateway', `${kernelGateway.url} answers and has a python3 kernel; guards of its kernels are set by its operator`)];
}

async function examine(guard: ExecutionGuard): Promise<Check[]> {
  const python = await guard.python();
  if (!python.found) return [warning('python', `${python.reason}; code and notebooks are off`, python.fix)];
  const { version, executable } = python.runtime;
  return [fine('python', `Python ${version} at ${executable}`), ...describeLanes(await guard.probe({ fresh: true }))];
}

function describeLanes(report: CapabilityReport): Check[] {
  return Object.entries(report.lanes).map(([name, lane]) => describeLane(`lane ${name}`, lane));
}

function describeLane(name: string, lane: LaneCapability): Check {
  const gaps = GUARD_IDS.filter((id) => lane.guards[id].state !== 'enforced')
    .map((id) => `${id} ${lane.guards[id].state}${lane.guards[id].reason === null ? '' : ` (${lane.guards[id].reason})`}`);
  const isWatched = GUARD_IDS.some((id) => lane.guards[id].state === 'degraded');
  const meaning = isWatched ? '; degraded = watched and ended when it goes too far, not prevented' : '';
  const detail = `${lane.backend}${gaps.length === 0 ? '; every guard enforced' : `; ${gaps.join(', ')}${meaning}`}`;
  const fix = GUARD_IDS.map((id) => lane.guards[id].fix).find((command) => command !== null) ?? lane.warnings.map((sentence) => / to close: (.+)$/.exec(sentence)?.[1]).find(Boolean) ?? 'see docs/capabilities.md';
  if (!lane.available) return warning(name, `refused: ${lane.reason ?? 'its minimum guards are missing'} (${detail})`, fix);
  return lane.warnings.length === 0 ? fine(name, detail) : warning(name, `${detail}; ${lane.warnings.join('; ')}`, fix);
}
