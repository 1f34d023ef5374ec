import { SidecarError, languageOf } from '../../contracts/index.ts';
import type { RunRequest } from '../../contracts/index.ts';
import type { RunPlan, SessionRunContext } from './session-run.ts';
import type { UserRunnerDeps } from './user-runner-contract.ts';

/** Checks everything that can be refused before a run is queued. Throws the codes of `UserRunner.run`. */
export async function acceptRun(
  context: SessionRunContext, { sessionId, request, kind }: { sessionId: string; request: RunRequest; kind: RunPlan['kind'] },
): Promise<RunPlan> {
  const session = requireSession(context, sessionId);
  await requireLane(context);
  const code = request.path === undefined ? request.code ?? '' : textOf(await context.readFile(sessionId, request.path));
  const jobId = kind === 'run' ? null : context.ids.mint('job_');
  return { executionId: context.ids.mint('exe_'), sessionId, kind, jobId, request, code, ...session, askedAt: context.clock.monotonicMs() };
}

/** Language and turn of a session. Throws SESSION_NOT_FOUND. */
export function requireSession({ store }: Pick<UserRunnerDeps, 'store'>, sessionId: string): Pick<RunPlan, 'language' | 'turnIndex'> {
  const row = store.sessions.get(sessionId);
  if (row === null) throw new SidecarError('SESSION_NOT_FOUND', 'no such session');
  return { language: languageOf(row.language), turnIndex: row.state.turn_index };
}

async function requireLane({ guard }: Pick<UserRunnerDeps, 'guard'>): Promise<void> {
  const search = await guard.python();
  if (!search.found) throw new SidecarError('EXECUTION_UNAVAILABLE', search.reason, { retryAfterSeconds: 60 });
  const lane = guard.report()?.lanes.user;
  if (lane?.available === false) throw new SidecarError('LANE_REFUSED', lane.reason ?? '', { detail: lane.reason ?? '', retryAfterSeconds: 60 });
}

function textOf({ bytes }: { bytes: Uint8Array }): string {
  return new TextDecoder('utf-8').decode(bytes);
}
