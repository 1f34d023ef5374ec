import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { ROUTES } from '../contracts/index.ts';
import { createOpenApi } from './openapi.ts';

interface Operation {
  operationId: string;
  parameters: { name: string; in: string }[];
  security: object[];
  responses: Record<string, unknown>;
}

const operations = Object.entries(createOpenApi()['paths'] as Record<string, Record<string, Operation>>)
  .flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ head: `${method.toUpperCase()} ${path}`, path, operation })));

it('is a valid OpenAPI 3.1 document whose references all resolve', async () => {
  const validator = new Validator();

  const result = await validator.validate(structuredClone(createOpenApi()));

  expect(result).toEqual({ valid: true });
  expect(validator.version).toBe('3.1');
  expect(() => validator.resolveRefs()).not.toThrow();
});

it('has one operation for each route, each with an id of its own', () => {
  expect(operations.map(({ head }) => head).toSorted()).toEqual(ROUTES.map(({ method, path }) => `${method} ${path}`).toSorted());
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(ROUTES.length);
});

it('declares every path parameter, the token, and the shape of errors', () => {
  for (const { head, path, operation } of operations) {
    const declared = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    expect([head, declared]).toEqual([head, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)]);
    expect([head, operation.responses['default'] !== undefined]).toEqual([head, true]);
    const { auth } = ROUTES.find((route) => `${route.method} ${route.path}` === head)!;
    expect([head, operation.security]).toEqual([head, auth === 'none' ? [] : [{ token: [] }]]);
  }
});
