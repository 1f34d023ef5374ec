import type { JsonObject } from '../connection/jupyter-message.ts';

export interface StreamOutput extends JsonObject { output_type: 'stream'; name: string; text: string }
export interface RichOutput extends JsonObject { output_type: 'display_data' | 'execute_result'; data: JsonObject; metadata: JsonObject }
export interface ErrorOutput extends JsonObject { output_type: 'error'; ename: string; evalue: string; traceback: string[] }

/** One output of a cell in the form of nbformat 4. */
export type CellOutput = StreamOutput | RichOutput | ErrorOutput;

/** What a reader of a running cell is told. */
export type CellChange =
  | { output: CellOutput; display_id?: string }
  | { clear: true; wait: boolean }
  | { update: true; display_id: string; output: { data: JsonObject; metadata: JsonObject } };

/** What is kept of one cell; all in UTF-16 units or bytes. */
export const OUTPUT_CAPS = {
  headChars: 768 * 1024, tailChars: 256 * 1024, richBytes: 8 * 1024 * 1024, richTotalBytes: 20 * 1024 * 1024, outputs: 10_000,
} as const;
