import { monitorEventLoopDelay } from 'node:perf_hooks';
import { FEATURES } from '../../api/index.ts';
import type { ServiceReport } from '../../api/index.ts';
import type { Config } from '../../config/index.ts';
import type { ContentResolver } from '../../content/index.ts';
import { GUARD_NAMES, LIMITS } from '../../contracts/index.ts';
import type { Capabilities, Diagnostics, Lane, LaneReport } from '../../contracts/index.ts';
import { summarizeLane } from '../../execution/guard/index.ts';
import { remoteLane } from '../../execution/notebook/index.ts';
import type { ExpertConsultant } from '../../experts/index.ts';
import type { ModelGateway } from '../../models/index.ts';
import type { Sessions } from '../../sessions/index.ts';
import type { Store } from '../../store/index.ts';
import type { Sync } from '../../sync/index.ts';
import type { Lanes } from './compose-lanes.ts';
import type { ProcessParts } from './compose-server.ts';

interface ReportParts {
  config: Config; parts: ProcessParts; store: Store; sync: Sync; gateway: ModelGateway; content: ContentResolver; sessions: Sessions;
  lanes: Lanes; consultant: ExpertConsultant;
  version: string;
  isStopping(): boolean;
}

const KEPT_ERRORS = 50;
const NANOSECONDS = 1e6;
const LOOP_RESOLUTION_MS = 20;

/** The last errors; the oldest leave first. */
class RecentErrors {
  #kept: Diagnostics['recent_errors'] = [];

  add(error: Diagnostics['recent_errors'][number]): void {
    this.#kept = [...this.#kept, error].slice(-KEPT_ERRORS);
  }

  list(): Diagnostics['recent_errors'] {
    return this.#kept;
  }
}

/** Facts about the running service, gathered when they are asked for. */
export function createServiceReport(facts: ReportParts): ServiceReport & { begin(): void; close(): void } {
  const { clock } = facts.parts;
  const startedAt = clock.now().toISOString();
  const startedMs = clock.monotonicMs();
  const errors = new RecentErrors();
  const refusals = new RecentErrors();
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS });
  loop.enable();
  return {
    version: facts.version,
    isStopping: () => facts.isStopping(),
    uptimeMs: () => Math.round(clock.monotonicMs() - startedMs),
    noteError: (code, requestId, { anybody }) => {
      (anybody ? refusals : errors).add({ at: clock.now().toISOString(), code, request_id: requestId });
    },
    capabilities: async () => await describeCapabilities(facts),
    diagnostics: async () => ({
      started_at: startedAt,
      checks: [...describeChecks(facts), ...await describeGateway(facts)],
      sync: facts.sync.status(),
      imports: facts.sessions.importProblems(),
      content: await describeContent(facts),
      content_sources: facts.sessions.contentSources(),
      children: facts.lanes.children(),
      memory: { rss_bytes: process.memoryUsage.rss() },
      // The histogram holds the time from tick to tick, which is its own interval when nothing delays it.
      event_loop_delay_ms: Math.max(0, Math.round(loop.max / NANOSECONDS - LOOP_RESOLUTION_MS)),
      recent_errors: errors.list(),
      recent_refusals: refusals.list(),
    }),
    /** Forgets the delays of the start, when nobody could be waiting. */
    begin: () => loop.reset(),
    close: () => loop.disable(),
  };
}

async function describeCapabilities({ config, gateway, version, lanes, consultant }: ReportParts): Promise<Capabilities> {
  const { mode, provider, model } = gateway.describe();
  const python = await lanes.guard.python();
  const probed = python.found ? await lanes.guard.probe() : null;
  const reason = python.found ? 'not probed yet' : python.reason;
  const { kernelGateway } = config.execution;
  const remote = await lanes.notebooks.gateway();
  const lane = (name: Lane): LaneReport => (probed === null ? closedLane(reason) : summarizeLane(probed.lanes[name]));
  return {
    platform: process.platform, arch: process.arch,
    versions: { sidecar: version, node: process.versions.node, python: python.found ? python.runtime.version : null },
    python: { available: python.found, reason: python.found ? null : python.reason },
    model: { mode, provider, model },
    auth_mode: config.auth.mode,
    lanes: { user: lane('user'), expert: lane('expert'), notebook: kernelGateway === null || remote === null ? lane('notebook') : remoteLane(kernelGateway, remote) },
    experts: await consultant.describe(),
    limits: limitsOf(config),
    features: [...FEATURES],
  };
}

/** The limits that hold here: settings may lower two of them. */
function limitsOf({ turn }: Config): Capabilities['limits'] {
  return { ...LIMITS, message_chars: Math.min(LIMITS.message_chars, turn.maxInputLength), memo_wait_ms: turn.memoWaitMs };
}

/** A lane that runs nothing claims no guard. */
function closedLane(reason: string): LaneReport {
  const guards = Object.fromEntries(GUARD_NAMES.map((name) => [name, { state: 'absent' as const, reason }]));
  return { available: false, reason, guards: guards as LaneReport['guards'] }; // proof: one entry per guard name
}

/** Chapters of the curriculum that cannot be opened, then what was found in those that sessions use. */
async function describeContent({ content, sessions }: ReportParts): Promise<Diagnostics['content']> {
  const { problems } = await content.list();
  const broken = problems.map(({ chapter_id, problem }) => ({ chapter_id, problem: `${problem.code}: ${problem.message}` }));
  return [...broken, ...sessions.contentProblems()];
}

async function describeGateway({ lanes }: ReportParts): Promise<Diagnostics['checks']> {
  const gateway = await lanes.notebooks.gateway();
  if (gateway === null) return [];
  return [{ name: 'kernel gateway', ok: gateway.problem === null, detail: gateway.problem === null ? '' : `${gateway.problem}; ${gateway.fix}` }];
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
