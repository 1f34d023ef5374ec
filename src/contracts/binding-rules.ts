import * as z from 'zod';
import { HelperScopeSchema, LockUntilSchema } from './vocabulary.ts';

const scalar = z.union([z.string(), z.number(), z.boolean()]);

/** A typed rule that changes the packet after a consultation. `field` is a path of at most three names. */
export const BindingRuleSchema = z.object({
  name: z.string().min(1),
  when: z.object({
    output_type: z.string().optional(), expert_id: z.string().optional(),
    field: z.string().regex(/^[^.]+(\.[^.]+){0,2}$/),
    op: z.enum(['eq', 'ne', 'nonempty', 'empty', 'gt', 'gte', 'lt', 'lte']),
    value: scalar.optional(),
  }),
  set: z.object({
    lock_until: LockUntilSchema, allow_setup_helper_code: z.boolean(), setup_helper_scope: HelperScopeSchema,
    current_focus: z.string().min(1), recommended_targets: z.array(z.string().min(1)).min(1), guidance_for_ca: z.string().min(1),
  }).partial(),
});
export type BindingRule = z.infer<typeof BindingRuleSchema>;

/** A validated expert output and who gave it. */
export interface BoundOutput { expert_id: string; output: Readonly<Record<string, unknown>> }

/** The rules that fire for an output, in file order. */
export function firedRules(rules: readonly BindingRule[], bound: BoundOutput): BindingRule[] {
  return rules.filter(({ when }) => {
    if (when.output_type !== undefined && when.output_type !== bound.output['output_type']) return false;
    if (when.expert_id !== undefined && when.expert_id !== bound.expert_id) return false;
    const field = readPath(bound.output, when.field);
    return field.found && compare(field.value, when);
  });
}

function readPath(output: Readonly<Record<string, unknown>>, path: string): { found: boolean; value?: unknown } {
  let value: unknown = output;
  for (const name of path.split('.').slice(0, 3)) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return { found: false };
    value = Reflect.get(value, name);
  }
  return { found: value !== undefined, value };
}

function compare(actual: unknown, when: BindingRule['when']): boolean {
  switch (when.op) {
    case 'eq': return actual === when.value;
    case 'ne': return actual !== when.value;
    case 'nonempty': return !isEmpty(actual);
    case 'empty': return isEmpty(actual);
    default: return compareNumbers(actual, when.value, when.op);
  }
}

function compareNumbers(actual: unknown, wanted: unknown, op: 'gt' | 'gte' | 'lt' | 'lte'): boolean {
  if (typeof actual !== 'number' || typeof wanted !== 'number') return false;
  switch (op) {
    case 'gt': return actual > wanted;
    case 'gte': return actual >= wanted;
    case 'lt': return actual < wanted;
    case 'lte': return actual <= wanted;
    default: return op satisfies never;
  }
}

function isEmpty(value: unknown): boolean {
  if (value === null) return true;
  if (typeof value === 'string') return value.trim() === '';
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === 'object' && Object.keys(value).length === 0;
}
