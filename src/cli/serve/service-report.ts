import { monitorEventLoopDelay } from 'node:perf_hooks';
import { FEATURES } from '../../api/index.ts';
import type { ServiceReport } from '../../api/index.ts';
import type { Config } from '../../config/index.ts';
import type { ContentListing, ContentResolver } from '../../content/index.ts';
import { GUARD_NAMES, LIMITS } from '../../contracts/index.ts';
import type { Capabilities, Diagnostics, LaneReport } from '../../contracts/index.ts';
import type { ModelGateway } from '../../models/index.ts';
import type { Sessions } from '../../sessions/index.ts';
import type { Store } from '../../store/index.ts';
import type { Sync } from '../../sync/index.ts';
import type { ProcessParts } from './compose-server.ts';

interface ReportParts {
  config: Config; parts: ProcessParts; store: Store; sync: Sync; gateway: ModelGateway; content: ContentResolver; sessions: Sessions;
  version: string;
  isStopping(): boolean;
}

const KEPT_ERRORS = 50;
const NANOSECONDS = 1e6;

/** Facts about the running service, gathered when they are asked for. */
export function createServiceReport(facts: ReportParts): ServiceReport & { close(): void } {
  const { clock } = facts.parts;
  const startedAt = clock.now().toISOString();
  const startedMs = clock.monotonicMs();
  const errors: Diagnostics['recent_errors'] = [];
  const problems: { content: ContentListing['problems'] } = { content: [] };
  const loop = monitorEventLoopDelay({ resolution: 20 });
  loop.enable();
  return {
    version: facts.version,
    isStopping: () => facts.isStopping(),
    uptimeMs: () => Math.round(clock.monotonicMs() - startedMs),
    noteError: (code, requestId) => {
      errors.push({ at: clock.now().toISOString(), code, request_id: requestId });
      if (errors.length > KEPT_ERRORS) errors.shift();
    },
    capabilities: async () => {
      problems.content = (await facts.content.list()).problems;
      return describeCapabilities(facts);
    },
    diagnostics: () => ({
      started_at: startedAt,
      checks: describeChecks(facts),
      sync: facts.sync.status(),
      imports: facts.sessions.importProblems(),
      content: problems.content.map(({ chapter_id, problem }) => ({ chapter_id, problem: `${problem.code}: ${problem.message}` })),
      children: { live: 0, by_lane: {} },
      memory: { rss_bytes: process.memoryUsage.rss() },
      event_loop_delay_ms: Math.round(loop.max / NANOSECONDS),
      recent_errors: [...errors],
    }),
    close: () => loop.disable(),
  };
}

function describeCapabilities({ config, gateway, version }: ReportParts): Capabilities {
  const { mode, provider, model } = gateway.describe();
  const reason = 'no Python runtime was found';
  return {
    platform: process.platform, arch: process.arch,
    versions: { sidecar: version, node: process.versions.node, python: null },
    python: { available: false, reason },
    model: { mode, provider, model },
    auth_mode: config.auth.mode,
    lanes: { user: closedLane(reason), expert: closedLane(reason), notebook: closedLane(reason) },
    experts: [],
    limits: { ...LIMITS },
    features: [...FEATURES],
  };
}

/** A lane that runs nothing claims no guard. */
function closedLane(reason: string): LaneReport {
  const guards = Object.fromEntries(GUARD_NAMES.map((name) => [name, { state: 'absent' as const, reason }]));
  return { available: false, reason, guards: guards as LaneReport['guards'] }; // proof: one entry per guard name
}

function describeChecks({ config, gateway, store }: ReportParts): Diagnostics['checks'] {
  const { missing } = gateway.describe();
  const damaged = store.quarantine.list().length;
  return [
    { name: 'configuration', ok: config.warnings.length === 0, detail: config.warnings.join('; ') },
    { name: 'model', ok: missing === null, detail: missing === null ? '' : `${missing} is not set` },
    { name: 'store', ok: damaged === 0, detail: damaged === 0 ? '' : `${damaged} damaged texts were set aside` },
  ];
}
