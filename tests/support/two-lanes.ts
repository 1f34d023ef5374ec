import type { ExecutionBench } from './execution-bench.ts';

export const LANES = ['user', 'expert'] as const;
export type CodeLane = (typeof LANES)[number];

/** What both lanes tell of a run. */
export interface LaneResult { reason: string; returncode: number; stdout: string; stderr: string; message: string; hints: string[]; error: { type: string; message: string; line: number | null } | null; ms: number }

export interface LaneRequest { stdin?: string; timeoutSeconds?: number; memoryMb?: number; session?: string }

/** For learners; an expert's call is bounded by its lane. A busy machine makes programs slow, and that is not what an attack is about. */
const PATIENT_SECONDS = 110;
const INPUT = { name: 'a.txt', bytes: Buffer.from('an input') };
let consultations = 0;

/** Runs a program in a lane. An expert gets a consultation of its own with one input, `inputs/a.txt`, which goes with the call. */
export async function runIn(bench: ExecutionBench, lane: CodeLane, code: string, request: LaneRequest = {}): Promise<LaneResult> {
  const { session = 'attacks', stdin = '', timeoutSeconds = PATIENT_SECONDS } = request;
  const from = performance.now();
  if (lane === 'user') {
    const answer = await bench.run(session, code, {
      stdin, timeout_seconds: timeoutSeconds, ...(request.memoryMb === undefined ? {} : { memory_limit_mb: request.memoryMb }),
    });
    return { ...pick(answer), returncode: answer.returncode, ms: performance.now() - from };
  }
  await bench.session(session);
  consultations += 1;
  await using workspace = await bench.experts.openWorkspace({ sessionId: session, consultationId: `consult_9${String(consultations).padStart(3, '0')}`, inputs: [INPUT] });
  const result = await bench.experts.run({
    workspace, expertId: 'code_checker', turnIndex: 1, code, stdin, timeoutMs: timeoutSeconds * 1000, language: 'en', signal: new AbortController().signal,
  });
  return { ...pick(result), returncode: result.exitCode, ms: performance.now() - from };
}

function pick(answer: Record<string, any>): Omit<LaneResult, 'returncode' | 'ms'> {
  const { reason, stdout, stderr, message, hints, error } = answer;
  return { reason, stdout, stderr, message, hints, error };
}
