import { isDeepStrictEqual } from 'node:util';
import { bendToShape } from './bend-to-shape.ts';
import { outputSchema, outputShape } from './output-schemas.ts';
import type { ExpertOutput } from './output-schemas.ts';

/** A result of a data tool of this consultation. */
export interface ToolFact { name: string; fileName: string; result: Readonly<Record<string, unknown>> }

/** What an output is held against. */
export interface OutputFrame {
  outputType: string;
  /** In order. */
  facts: readonly ToolFact[];
  /** The file the question names; only its results count then. */
  fileName: string | null;
}

/** An output that may be used, or what the expert must correct. `overridden` names fields in which a tool knew better. */
export type OutputCheck = { kind: 'valid'; output: ExpertOutput; overridden: string[] } | { kind: 'invalid'; errors: string[] };

const FACT_FIELDS: Readonly<Record<string, { tool: string; fields: readonly string[] }>> = {
  suitability_judgment: { tool: 'check_suitability', fields: ['is_suitable', 'blocking_issues', 'warning_issues', 'evidence'] },
  dataset_overview_report: {
    tool: 'profile_dataset', fields: ['summary', 'columns', 'row_count', 'duplicate_rows', 'overall_missing_rate'],
  },
};
const MAX_ERRORS = 10;

/** Validates what `finish` was given; facts always come from the last matching tool result. */
export function checkOutput(value: unknown, frame: OutputFrame): OutputCheck {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return { kind: 'invalid', errors: ['output: an object is needed'] };
  const given: Record<string, unknown> = { output_type: frame.outputType, ...value };
  const grounded = ground(given, frame);
  if (grounded.kind === 'missing') return { kind: 'invalid', errors: [`facts are missing: call ${grounded.tool}${grounded.about} before finish`] };
  const parsed = outputSchema(frame.outputType).safeParse(bendToShape(outputShape(frame.outputType), grounded.value));
  if (!parsed.success) {
    const errors = parsed.error.issues.slice(0, MAX_ERRORS).map((issue) => `output.${issue.path.join('.')}: ${issue.message}`);
    return { kind: 'invalid', errors };
  }
  // Proof: every output schema is an object with the literal `output_type`.
  return { kind: 'valid', output: parsed.data as ExpertOutput, overridden: grounded.overridden };
}

type Grounding = { kind: 'grounded'; value: Record<string, unknown>; overridden: string[] } | { kind: 'missing'; tool: string; about: string };

function ground(given: Record<string, unknown>, { outputType, facts, fileName }: OutputFrame): Grounding {
  const rule = FACT_FIELDS[outputType];
  if (rule === undefined) return { kind: 'grounded', value: given, overridden: [] };
  const fact = facts.findLast(({ name, fileName: about }) => name === rule.tool && (fileName === null || about === fileName));
  if (fact === undefined) return { kind: 'missing', tool: rule.tool, about: fileName === null ? '' : ` for ${JSON.stringify(fileName)}` };
  const value = { ...given };
  const overridden: string[] = [];
  for (const field of rule.fields) {
    const measured = fact.result[field];
    if (Object.hasOwn(given, field) && !isDeepStrictEqual(given[field], measured)) overridden.push(field);
    if (measured !== undefined) value[field] = measured;
  }
  return { kind: 'grounded', value, overridden };
}
