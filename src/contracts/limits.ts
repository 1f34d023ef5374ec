const KIB = 1024;
const MIB = 1024 * KIB;

/** Bounds of the HTTP contract; shown by `GET /api/capabilities`. Text lengths are Unicode code points. */
export const LIMITS = {
  message_chars: 10_000,
  skip_reason_chars: 200,
  turn_deadline_ms: 180_000,
  record_repair_ms: 8_000,
  memo_wait_ms: 8_000,
  companion_attempts: 3,
  cancel_socket_ms: 200,
  cancel_tree_ms: 2_000,
  cancel_answer_ms: 2_000,
  json_body_bytes: MIB,
  file_put_bytes: 8 * MIB,
  notebook_put_bytes: 20 * MIB,
  upload_request_bytes: 6 * MIB,
  upload_files: 10,
  upload_file_bytes: 5 * MIB,
  upload_session_files: 100,
  upload_session_bytes: 200 * MIB,
  workspace_text_bytes: MIB,
  workspace_image_bytes: 5 * MIB,
  workspace_files: 2_000,
  workspace_bytes: 200 * MIB,
  path_depth: 8,
  path_chars: 240,
  path_segment_chars: 120,
  code_chars: 20_000,
  run_timeout_seconds: 120,
  run_timeout_default_seconds: 20,
  cell_timeout_seconds: 600,
  cell_timeout_default_seconds: 60,
  output_chars: 120_000,
  runs_per_session: 2,
  runs_total: 4,
  jobs_queued_per_session: 16,
  subscribers_per_session: 8,
  subscribers_total: 64,
  backlog_frames: 2_000,
  backlog_bytes: MIB,
  kept_turns: 20,
  kept_frames: 10_000,
  kept_executions: 500,
  sessions_per_minute: 30,
  create_requests_per_minute: 300,
  heartbeat_ms: 10_000,
  json_depth: 64,
  json_keys: 10_000,
  header_bytes: 16 * KIB,
  url_bytes: 8 * KIB,
  connections: 256,
} as const;

/** Length in Unicode code points, the unit of every text limit. */
export function codePointLength(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}

/** The first `limit` code points of a text; never splits a surrogate pair. */
export function clipCodePoints(text: string, limit: number): string {
  if (text.length <= limit) return text;
  let end = 0;
  let count = 0;
  for (const character of text) {
    if (count === limit) return text.slice(0, end);
    end += character.length;
    count += 1;
  }
  return text;
}
