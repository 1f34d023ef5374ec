import { refuse } from './protocol.ts';

/** Refuses a schema that OpenAI's strict mode refuses: open objects, optional properties, a root that is no object. */
export function requireStrictSchema(name: string, schema: unknown): void {
  if (!isRecord(schema) || schema['type'] !== 'object') {
    refuse(`Invalid schema for '${name}': schema must be a JSON Schema of 'type: "object"'.`, 'response_format');
  }
  visit(name, schema, []);
}

function visit(name: string, schema: unknown, path: readonly string[]): void {
  if (Array.isArray(schema)) schema.forEach((item, index) => visit(name, item, [...path, String(index)]));
  if (!isRecord(schema)) return;
  const { properties } = schema;
  if (isRecord(properties)) requireClosed(name, schema, path);
  for (const [key, value] of Object.entries(schema)) {
    if (key !== 'enum' && key !== 'const' && key !== 'default') visit(name, value, [...path, key]);
  }
}

function requireClosed(name: string, schema: Record<string, unknown>, path: readonly string[]): void {
  const where = `In context=(${path.map((step) => `'${step}'`).join(', ')})`;
  if (schema['additionalProperties'] !== false) {
    refuse(`Invalid schema for '${name}': ${where}, 'additionalProperties' is required to be supplied and to be false.`);
  }
  const required = Array.isArray(schema['required']) ? schema['required'] : [];
  const missing = Object.keys(schema['properties'] as object).find((key) => !required.includes(key));
  if (missing === undefined) return;
  refuse(
    `Invalid schema for '${name}': ${where}, 'required' is required to be supplied and to be an array including every key in ` +
      `properties. Missing '${missing}'.`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
