import * as z from 'zod';
import { clipCodePoints } from '../../contracts/index.ts';

const MAX_OBJECT_BYTES = 16 * 1024;

const text = (limit: number) => z.string().overwrite((value) => clipCodePoints(value.trim(), limit)).meta({ maxLength: limit });
const filled = (limit: number) => z.string().overwrite((value) => clipCodePoints(value.trim(), limit)).min(1).meta({ maxLength: limit });
const texts = z.array(text(600)).overwrite((items) => items.slice(0, 40));
const object = z.record(z.string(), z.unknown());
const rate = z.number().min(0).max(1);
const count = z.int().nonnegative();

const SourceSchema = z.union([
  z.string().transform((doc) => ({ doc: clipCodePoints(doc, 200), excerpt_used: '' })),
  z.object({ doc: text(200), excerpt_used: text(600).default('') }),
]);

/** What every output has. */
const common = {
  info_gain: z.boolean().default(true),
  confidence: z.enum(['low', 'medium', 'high']).default('medium'),
  knowledge_sources: z.array(SourceSchema).default([]),
  answer_summary: text(600).optional(),
  recommended_next_step: text(300).optional(),
};

const fieldsOf = {
  suitability_judgment: { is_suitable: z.boolean(), blocking_issues: texts, warning_issues: texts, evidence: object.optional() },
  dataset_overview_report: {
    summary: text(2000), columns: z.array(z.union([z.string(), object])), row_count: count, duplicate_rows: count, overall_missing_rate: rate,
  },
  schema_analysis: {
    schema: object,
    type_issues: z.array(z.object({
      column: text(200), expected: text(100).default(''), actual: text(100).default(''), sample_values: z.array(z.unknown()).default([]),
    })).default([]),
    recommendations: texts.default([]),
  },
  concept_explanation: {
    concept_name: filled(200), definition: filled(2000), use_cases: texts.default([]), syntax: text(1000).default(''),
    parameters: object.default({}), simple_example: text(2000).default(''), common_pitfalls: texts.default([]), related_concepts: texts.default([]),
  },
  analogy: { concept_name: filled(200), analogy_description: filled(2000), mapping: object.default({}), limitations: text(1000).default('') },
  code_example: { concept_name: filled(200), example_code: filled(4000), explanation: filled(2000), key_points: texts.default([]) },
  error_diagnosis: {
    error_root_cause: filled(1000), explanation: filled(2000), suggested_fix_direction: filled(1000), related_concepts: texts.default([]),
  },
  validation_report: {
    is_valid: z.boolean(), validation_details: text(2000), missing_elements: texts.default([]), recommended_action: text(1000).default(''),
  },
};
type KnownType = keyof typeof fieldsOf;

/** Output types with a schema of their own. */
export const OUTPUT_TYPES: readonly string[] = Object.keys(fieldsOf);

/** Types whose facts only a tool can establish. */
export const FACT_TYPES: readonly string[] = ['suitability_judgment', 'dataset_overview_report'];

/** Types that cannot be answered without looking into a file. */
export const LANE_TYPES: readonly string[] = [...FACT_TYPES, 'schema_analysis'];

/** A validated output. */
export interface ExpertOutput extends Record<string, unknown> { output_type: string }

const schemas = new Map<string, z.ZodType>(OUTPUT_TYPES.map((type) => [
  // Proof: the names are the keys of the table.
  type, z.object({ output_type: z.literal(type), ...common, ...fieldsOf[type as KnownType] }),
]));

/** The schema of an output type; a type that only its package knows takes any object up to 16 KB. */
export function outputSchema(type: string): z.ZodType {
  const known = schemas.get(type);
  if (known !== undefined) return known;
  return z.looseObject({ output_type: z.literal(type), ...common })
    .refine((value) => Buffer.byteLength(JSON.stringify(value)) <= MAX_OBJECT_BYTES, { error: 'the output is larger than 16 KB' });
}

/** The JSON Schema of what `finish` accepts as output. */
export function outputShape(type: string): Record<string, unknown> {
  const { $schema: _schema, ...shape } = z.toJSONSchema(outputSchema(type), { io: 'input', unrepresentable: 'any' });
  return shape;
}

/** Names of the fields that an output of this type must have. */
export function requiredFields(type: string): string[] {
  const shape = outputShape(type);
  return Array.isArray(shape['required']) ? shape['required'].filter((name) => name !== 'output_type').map(String) : [];
}
