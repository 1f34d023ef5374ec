import { appendFile, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '../../config/index.ts';
import { cleanValue } from '../clean-value.ts';
import { isRecord } from '../../content/index.ts';
import type { ConsultationRow, Store } from '../../store/index.ts';
import type { ExpertArtifact } from '../../execution/expert-runner/index.ts';
import type { ExpertOutput } from '../outputs/output-schemas.ts';
import type { TerminationReason } from './consultation-failure.ts';
import type { ConsultingEnvelope } from './envelope.ts';
import type { ExpertRequest } from './request.ts';

/** One tool call as it happened. */
export interface SkillCall {
  timestamp: string;
  expert_id: string;
  consultation_id: string;
  user_turn_index: number;
  round_index: number;
  skill_name: string;
  cwd: string;
  inputs: { files_read: readonly string[]; parameters: unknown };
  outputs: { files_written: readonly string[] };
  stdout_stderr_paths: { stdout: string | null; stderr: string | null };
  execution_time_ms: number;
  success: boolean;
  error_message: string | null;
  execution_id: string | null;
}

/** How a consultation ended, for `meta.json`. */
export interface ConsultationMeta {
  consultation_id: string;
  user_turn_index: number;
  scenario_id: string;
  experts_involved: string[];
  total_rounds: number;
  start_timestamp: string;
  end_timestamp: string | null;
  termination_reason: TerminationReason | null;
  binding: boolean;
  status: ConsultationStatus;
  artifacts: readonly ExpertArtifact[];
}

/** `answered` waits for its turn's commit, which makes it `completed`. */
export type ConsultationStatus = 'running' | 'answered' | 'completed' | 'failed' | 'aborted';

/** What is known when a consultation begins. */
export interface RecordStart {
  sessionId: string;
  turnId: string;
  request: ExpertRequest;
  envelope: ConsultingEnvelope;
  packageHash: string;
  language: string;
}

export interface RecordDeps { store: Store; clock: Clock; /** The session's `expert_workspace`. */ folder: string; clean(text: string): string }

/** Where the record of a consultation lies below `expert_workspace`. */
export function recordFolder(expertWorkspace: string, consultationId: string): string {
  return join(expertWorkspace, 'consultations', consultationId);
}

/** The record of one consultation: a row and files. Each write is durable before it resolves. */
export class ConsultationRecord {
  readonly folder: string;
  /** What programs left in `out/`; set when the workspace closes. */
  artifacts: readonly ExpertArtifact[] = [];
  private readonly deps: RecordDeps;
  private readonly start: RecordStart;
  private readonly startedAt: string;
  private readonly calls: SkillCall[] = [];
  private body: Record<string, unknown>;

  private constructor(deps: RecordDeps, start: RecordStart) {
    this.deps = deps;
    this.start = start;
    this.folder = recordFolder(deps.folder, start.envelope.consultation_id);
    this.startedAt = deps.clock.now().toISOString();
    this.body = this.cleaned({
      request: start.request, envelope: start.envelope, package_hash: start.packageHash, language: start.language, calls: [], output: null,
      termination_reason: null, executions: [],
    });
  }

  /** Opens the row, then the files: a row without files is legal, files without a row are not. */
  static async open(deps: RecordDeps, start: RecordStart): Promise<ConsultationRecord> {
    const record = new ConsultationRecord(deps, start);
    const { envelope } = start;
    const row: ConsultationRow = {
      session_id: start.sessionId, consultation_id: envelope.consultation_id, turn_id: start.turnId, turn_index: envelope.user_turn_index,
      expert_id: envelope.expert_id, status: 'running', created_at: record.startedAt, ended_at: null, body: record.body,
    };
    deps.store.consultations.insert(row);
    await mkdir(join(record.folder, 'skill_calls'), { recursive: true, mode: 0o700 });
    await record.write('request.json', start.request);
    await record.write('consulting_envelope.json', envelope);
    await record.write('meta.json', record.meta('running', null));
    return record;
  }

  get executions(): string[] {
    return this.calls.flatMap(({ execution_id: id }) => (id === null ? [] : [id]));
  }

  /** Adds lines to the transcript, without secrets. */
  async say(entries: readonly Readonly<Record<string, unknown>>[]): Promise<void> {
    const at = this.deps.clock.now().toISOString();
    const lines = entries.map((entry) => `${JSON.stringify(cleanValue({ at, ...entry }, this.deps.clean))}\n`).join('');
    await appendFile(join(this.folder, 'transcript.jsonl'), lines, { mode: 0o600, flush: true });
  }

  /** Records a call that has ended, with what its process printed. */
  async addCall(call: Omit<SkillCall, 'stdout_stderr_paths'>, printed: { stdout: string; stderr: string } | null): Promise<void> {
    const stem = `skill_call_${String(this.calls.length + 1).padStart(4, '0')}`;
    const paths = printed === null ? { stdout: null, stderr: null } : { stdout: `skill_calls/${stem}.stdout.txt`, stderr: `skill_calls/${stem}.stderr.txt` };
    if (printed !== null) {
      await this.writeText(paths.stdout ?? '', this.deps.clean(printed.stdout));
      await this.writeText(paths.stderr ?? '', this.deps.clean(printed.stderr));
    }
    const record: SkillCall = { ...call, stdout_stderr_paths: paths };
    this.calls.push(record);
    await this.write(`skill_calls/${stem}.json`, record);
    this.update({ calls: this.calls.map(briefly), executions: this.executions });
  }

  /** Records the validated output. */
  async answer(output: ExpertOutput, { overridden, report }: { overridden: readonly string[]; report: Record<string, unknown> | null }): Promise<void> {
    await this.write(`expert_output_${this.start.envelope.expert_id}.json`, { ...output, ...(overridden.length === 0 ? {} : { facts_overridden: overridden }) });
    this.update({ output, report, ...(overridden.length === 0 ? {} : { facts_overridden: overridden }) });
  }

  /** Closes files, then the row. */
  async close(end: { status: ConsultationStatus; reason: TerminationReason }): Promise<void> {
    await this.write('meta.json', this.meta(end.status === 'answered' ? 'completed' : end.status, end.reason));
    this.body = { ...this.body, termination_reason: end.reason, artifacts: this.artifacts };
    this.deps.store.consultations.update(this.key, { status: end.status, ended_at: this.deps.clock.now().toISOString(), body: this.body });
  }

  private get key(): { sessionId: string; consultationId: string } {
    return { sessionId: this.start.sessionId, consultationId: this.start.envelope.consultation_id };
  }

  private update(change: Record<string, unknown>): void {
    this.body = { ...this.body, ...this.cleaned(change) };
    this.deps.store.consultations.update(this.key, { body: this.body });
  }

  /** The row holds no secret either. */
  private cleaned(body: Record<string, unknown>): Record<string, unknown> {
    const value = cleanValue(body, this.deps.clean);
    return isRecord(value) ? value : {};
  }

  private meta(status: ConsultationStatus, reason: TerminationReason | null): ConsultationMeta {
    const { envelope } = this.start;
    return {
      consultation_id: envelope.consultation_id, user_turn_index: envelope.user_turn_index, scenario_id: envelope.scenario_id,
      experts_involved: [envelope.expert_id], total_rounds: 1, start_timestamp: this.startedAt,
      end_timestamp: reason === null ? null : this.deps.clock.now().toISOString(), termination_reason: reason,
      binding: envelope.expected_output_template.binding, status, artifacts: this.artifacts,
    };
  }

  private async write(name: string, value: unknown): Promise<void> {
    await this.writeText(name, `${JSON.stringify(cleanValue(value, this.deps.clean), null, 2)}\n`);
  }

  private async writeText(name: string, text: string): Promise<void> {
    await writeDurably(join(this.folder, ...name.split('/')), text);
  }
}

/** Replaces a file so that a reader, also one after a kill, sees the old or the new text. Rows are the truth; files follow them. */
export async function writeDurably(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(draft, text, { mode: 0o600, flush: true });
  await rename(draft, path);
}

function briefly({ skill_name, success, execution_time_ms, error_message, execution_id, inputs }: SkillCall): Record<string, unknown> {
  return { skill_name, success, execution_time_ms, error_message, execution_id, files_read: inputs.files_read };
}
