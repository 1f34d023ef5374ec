import { randomInt } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../../config/index.ts';
import type { Diagnostics } from '../../contracts/index.ts';
import { createGuard } from '../../execution/guard/index.ts';
import type { ExecutionGuard } from '../../execution/guard/index.ts';
import { createExpertRunner } from '../../execution/expert-runner/index.ts';
import type { ExpertRunner } from '../../execution/expert-runner/index.ts';
import { createNotebooks } from '../../execution/notebook/index.ts';
import type { Notebooks } from '../../execution/notebook/index.ts';
import { createUserRunner } from '../../execution/user-runner/index.ts';
import type { UserRunner } from '../../execution/user-runner/index.ts';
import { createWorkerPool } from '../../execution/worker/index.ts';
import type { WorkerPool } from '../../execution/worker/index.ts';
import type { Sessions } from '../../sessions/index.ts';
import type { Store } from '../../store/index.ts';
import type { ProcessParts } from './compose-server.ts';

const RANDOM_STEPS = 2 ** 30;

/** Everything that runs Python, and the facts about it. */
export interface Lanes {
  guard: ExecutionGuard;
  pool: WorkerPool;
  runner: UserRunner;
  experts: ExpertRunner;
  notebooks: Notebooks;
  /** Ends everything that runs for a session. */
  endSession(sessionId: string): Promise<void>;
  /** Gives what an earlier process left open a truthful end; before the first request. */
  recover(): Promise<void>;
  /** Ends leftover processes and probes the guards; runs in the background after the ready line. Never rejects. */
  start(): Promise<void>;
  children(): Diagnostics['children'];
  stop(): Promise<void>;
}

/** Wires the lanes. `sessions` is asked for late, because sessions end their lanes and lanes need sessions' folders. */
export function createLanes(
  config: Config, parts: ProcessParts, links: { store: Store; sessions: () => Sessions; isTurnWaiting: () => boolean },
): Lanes {
  const { clock, ids, log, redactor } = parts;
  const { store, sessions } = links;
  const guard = createGuard({ config, stateDir: join(config.sessionsDir, '.lanes'), clock, ids, log });
  // Idle workers and spare kernels share one budget of memory, and one of them is made at a time.
  const pool = createWorkerPool({
    guard, config, clock, log, mayFill: () => !links.isTurnWaiting() && !notebooks.spares.isFilling,
    otherMb: () => notebooks.spares.heldMb, releaseOther: (usedBefore) => notebooks.spares.releaseOldest(usedBefore),
  });
  const runner = createUserRunner({
    guard, pool, store, config, clock, ids, log,
    foldersOf: (sessionId) => sessions().pathsOf(sessionId),
    readFile: (sessionId, name) => sessions().files.readRaw(sessionId, name),
    redact: (text) => redactor.redact(text),
  });
  const experts = createExpertRunner({ guard, pool, store, config, clock, ids, log, workDir: join(config.sessionsDir, '.lanes', 'experts') });
  const notebooks: Notebooks = createNotebooks({
    guard, store, config, clock, ids, log,
    foldersOf: (sessionId) => sessions().pathsOf(sessionId),
    files: {
      readRaw: (sessionId, name) => sessions().files.readRaw(sessionId, name),
      writeBytes: (sessionId, name, change) => sessions().files.writeBytes(sessionId, name, change),
    },
    scratchDir: join(config.sessionsDir, '.lanes', 'kernels'),
    redact: (text) => redactor.redact(text),
    random: () => randomInt(RANDOM_STEPS) / RANDOM_STEPS,
    spares: {
      mayFill: () => !links.isTurnWaiting() && !pool.isFilling, otherMb: () => pool.heldMb, releaseOther: (usedBefore) => pool.releaseOldest(usedBefore),
    },
  });
  const prepare = async (): Promise<void> => {
    await guard.sweep();
    if (!(await guard.python()).found) return;
    await guard.probe();
    await guard.prepareFonts();
  };
  return {
    guard, pool, runner, experts, notebooks,
    async endSession(sessionId): Promise<void> {
      await Promise.all([runner.endSession(sessionId), experts.endSession(sessionId), notebooks.endSession(sessionId)]);
    },
    async recover(): Promise<void> {
      runner.recover();
      await experts.recover();
    },
    async start(): Promise<void> {
      notebooks.recover();
      await prepare().catch((error: unknown) => log.warn({ err: error }, 'the lanes could not be probed'));
    },
    children(): Diagnostics['children'] {
      const { live, byLane } = guard.children();
      return { live, by_lane: byLane };
    },
    async stop(): Promise<void> {
      await Promise.all([runner.stop(), experts.stop(), notebooks.stop()]);
      await pool.stop();
      await guard.stop();
    },
  };
}

/** Sessions that make a worker and a kernel ready as soon as they are of interest. */
export function withPreparation(sessions: Sessions, { runner, notebooks }: { runner: Pick<UserRunner, 'prepare'>; notebooks: Pick<Notebooks, 'prepare'> }): Sessions {
  const prepare = (sessionId: string): void => {
    void runner.prepare(sessionId).then(() => notebooks.prepare(sessionId));
  };
  return {
    ...sessions,
    create: async (...request) => {
      const answer = await sessions.create(...request);
      if (answer.workspace.has_starter_code) prepare(answer.session_id);
      return answer;
    },
    reattach: async (sessionId, ...request) => {
      const answer = await sessions.reattach(sessionId, ...request);
      prepare(sessionId);
      return answer;
    },
  };
}
