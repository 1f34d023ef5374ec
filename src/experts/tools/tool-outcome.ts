/** How a tool call ended. `filesRead` and `filesWritten` are what really happened; lane calls bring their process's facts. */
export interface ToolOutcome {
  ok: boolean;
  /** What the model gets: the result, or `{error, message}`. */
  result: Readonly<Record<string, unknown>>;
  filesRead: readonly string[];
  filesWritten: readonly string[];
  execution: { id: string | null; stdout: string; stderr: string } | null;
}

/** A good end without a process. */
export function toolResult(result: Readonly<Record<string, unknown>>, filesRead: readonly string[] = []): ToolOutcome {
  return { ok: true, result, filesRead, filesWritten: [], execution: null };
}

/** A typed error that the model may act on. */
export function toolError(error: string, message: string, execution: ToolOutcome['execution'] = null): ToolOutcome {
  return { ok: false, result: { error, message }, filesRead: [], filesWritten: [], execution };
}
