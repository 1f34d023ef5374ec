import * as z from 'zod';
import type { ToolDefinition } from '../../models/index.ts';
import { outputShape } from '../outputs/output-schemas.ts';
import type { ToolName } from './tool-names.ts';

const fileName = z.string().min(1).max(240).meta({ description: 'A name from list_files.' });

/** Requirements that a table can be held against; any other form is background, not a requirement. */
export const TaskRequirementsSchema = z.object({
  required_columns: z.array(z.string().min(1).max(200)).max(100).optional(),
  expected_dtypes: z.record(z.string(), z.string().max(40)).optional(),
  minimum_rows: z.int().nonnegative().optional(),
  maximum_missing_rate: z.number().min(0).max(1).optional(),
  allow_duplicates: z.boolean().optional(),
});
export type TaskRequirements = z.infer<typeof TaskRequirementsSchema>;

/** Inputs of the tools; `finish` is checked against the asked output type besides. */
export const TOOL_INPUTS = {
  list_files: z.object({}),
  inspect_dataset: z.object({ file_name: fileName, sample_rows: z.int().min(1).max(500).default(50) }),
  profile_dataset: z.object({ file_name: fileName }),
  check_suitability: z.object({ file_name: fileName, task_requirements: z.unknown().optional() }),
  read_text: z.object({ file_name: fileName, offset: z.int().nonnegative().default(0), max_bytes: z.int().min(1).max(8192).default(8192) }),
  read_knowledge: z.object({ name: z.string().min(1).max(200) }),
  read_skill: z.object({ handle: z.string().min(1).max(200) }),
  run_python: z.object({ code: z.string().min(1).max(20_000), timeout_s: z.number().min(1).max(20).default(20) }),
  finish: z.object({ output: z.unknown() }),
} as const satisfies Record<ToolName, z.ZodType>;

const issue = z.array(z.string());
const artifacts = z.array(z.object({ name: z.string(), bytes: z.int() }));
const tableFacts = { row_count: z.int(), rows_inspected: z.int(), column_count: z.int(), duplicate_rows: z.int(), overall_missing_rate: z.number() };

/** Results of the tools. What a program of ours printed is checked as well, since it has read somebody's file. */
export const TOOL_RESULTS = {
  list_files: z.object({
    files: z.array(z.object({ name: z.string(), bytes: z.int(), kind: z.string(), origin: z.enum(['upload', 'bundle', 'workspace']) })),
  }),
  inspect_dataset: z.looseObject({ file_name: z.string(), columns: z.array(z.looseObject({ name: z.string() })).optional(), ...tableFacts }),
  profile_dataset: z.looseObject({ file_name: z.string(), columns: z.array(z.looseObject({ name: z.string() })), summary: z.string(), ...tableFacts }),
  check_suitability: z.looseObject({
    file_name: z.string(), is_suitable: z.boolean(), blocking_issues: issue, warning_issues: issue, evidence: z.record(z.string(), z.unknown()),
  }),
  read_text: z.object({ text: z.string(), total_bytes: z.int(), truncated: z.boolean() }),
  read_knowledge: z.object({ name: z.string(), text: z.string(), truncated: z.boolean() }),
  read_skill: z.object({ handle: z.string(), text: z.string(), truncated: z.boolean() }),
  run_python: z.object({
    ok: z.boolean(), exit_code: z.int(), stdout: z.string(), stderr: z.string(), duration_ms: z.number(), reason: z.string(), message: z.string(),
    files: artifacts,
  }),
  finish: z.object({ accepted: z.literal(true) }),
} as const satisfies Record<ToolName, z.ZodType>;

const DESCRIPTIONS: Readonly<Record<ToolName, string>> = {
  list_files: 'Lists the files that can be looked at, with size, kind and origin.',
  inspect_dataset: 'Columns, types, counts and the first rows of a table.',
  profile_dataset: 'Facts of a whole table: statistics, outliers, missing values, duplicates, a summary.',
  check_suitability: 'Holds a table against the requirements of the question and says what blocks and what only warns.',
  read_text: 'Reads a part of a text file.',
  read_knowledge: 'Reads one of your knowledge texts by its name.',
  read_skill: 'Reads the document of one of your skills by its handle.',
  run_python: 'Runs Python on copies of the files in inputs/ (read-only); out/ is writable. No network, no installation, no other file.',
  finish: 'Ends the consultation with the typed output.',
};

/** The definitions of tools as models get them. */
export function toolDefinitions(names: readonly ToolName[], facts: { outputType: string; knowledge: readonly string[]; skills: readonly string[] }): ToolDefinition[] {
  return names.map((name) => ({ name, description: describe(name, facts), inputSchema: inputSchemaOf(name, facts.outputType) }));
}

function describe(name: ToolName, { knowledge, skills }: { knowledge: readonly string[]; skills: readonly string[] }): string {
  if (name === 'read_knowledge') return `${DESCRIPTIONS[name]} There are: ${knowledge.join(', ')}.`;
  if (name === 'read_skill') return `${DESCRIPTIONS[name]} There are: ${skills.join(', ')}.`;
  return DESCRIPTIONS[name];
}

function inputSchemaOf(name: ToolName, outputType: string): object {
  if (name === 'finish') return { type: 'object', properties: { output: outputShape(outputType) }, required: ['output'] };
  const { $schema: _schema, ...schema } = z.toJSONSchema(TOOL_INPUTS[name], { io: 'input', unrepresentable: 'any' });
  if (name !== 'check_suitability') return schema;
  const { $schema: _inner, ...requirements } = z.toJSONSchema(TaskRequirementsSchema, { io: 'input' });
  return { ...schema, properties: { ...schema.properties, task_requirements: requirements } };
}
