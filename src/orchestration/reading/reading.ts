import * as z from 'zod';
import { type CoercionLog, createCoercionLog } from './coerce.ts';
import { coerceShape, type Shape } from './coerce-shape.ts';

/** A typed part of a reply. `value` is null when the part was not sent or could not be saved; then `problems` says why. */
export interface Reading<T> { value: T | null; problems: string[]; coerced: boolean; unknownKeys: number }

/** A reading from a log; a value that had to be bent is marked as coerced. */
export function readingOf<T>(value: T | null, log: CoercionLog): Reading<T> {
  const bent = log.coercions.length > 0 || log.unknownKeys > 0 || (value !== null && log.problems.length > 0);
  return { value, problems: log.problems, coerced: bent, unknownKeys: log.unknownKeys };
}

/** A part that the model did not send: no value, no problem. */
export function absent<T>(): Reading<T> {
  return readingOf<T>(null, createCoercionLog());
}

/** The JSON Schema of what a schema accepts, for coercion, prompts and the structured ladder. */
export function shapeOf(schema: z.ZodType): Shape {
  const { $schema: _, ...shape } = z.toJSONSchema(schema, { io: 'input' });
  // `Shape` names the members of JSON Schema that coercion reads; every generated schema has them in this form.
  return shape as Shape;
}

/** A reader for one schema: coerces, then validates. It never throws. */
export function createPartReader<T>(schema: z.ZodType<T>, name: string): (value: unknown, log?: CoercionLog) => Reading<T> {
  const shape = shapeOf(schema);
  return (value, log = createCoercionLog()) => {
    const coerced = coerceShape(shape, value, { at: name, log });
    if (coerced === undefined || coerced === null) return readingOf<T>(null, log);
    const parsed = schema.safeParse(coerced);
    if (parsed.success) return readingOf<T>(parsed.data, log);
    for (const issue of parsed.error.issues) log.problems.push(`${[name, ...issue.path].join('.')}: ${issue.code}`);
    return readingOf<T>(null, log);
  };
}
