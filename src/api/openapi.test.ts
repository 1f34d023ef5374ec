import { Validator } from '@seriousme/openapi-schema-validator';
import { expect, it } from 'vitest';
import { JUPYTER_ROUTES, ROUTES as TABLE } from '../contracts/index.ts';
import { createOpenApi } from './openapi.ts';

const ROUTES = [...TABLE, ...JUPYTER_ROUTES];

interface Operation {
  operationId: string;
  parameters: { name: string; in: string; required: boolean }[];
  requestBody?: { required?: boolean };
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

it.each([
  ['GET /api/session/{session_id}/workspace/files/{filename}', ['query raw']],
  ['DELETE /api/session/{session_id}/workspace/files/{filename}', ['query recursive']],
  ['PUT /api/session/{session_id}/workspace/files/{filename}', ['header if-match']],
  ['DELETE /api/session/{session_id}', ['query force']],
  ['GET /api/session/{session_id}/events', ['query after', 'header last-event-id']],
  ['GET /api/session/{session_id}/code/jobs/{job_id}/stream', ['query after', 'header last-event-id']],
  ['PUT /api/session/{session_id}/notebook/file', ['query path', 'header if-match']],
])('declares what %s reads besides its path', (head, expected) => {
  const { operation } = operations.find((entry) => entry.head === head)!;

  expect(operation.parameters.filter((parameter) => parameter.in !== 'path').map((parameter) => `${parameter.in} ${parameter.name}`)).toEqual(expected);
});

it('requires no query and no header but the path of a notebook file', () => {
  const required = operations.flatMap(({ head, operation }) => operation.parameters.filter((parameter) => parameter.in !== 'path' && parameter.required).map(({ name }) => `${head} ${name}`));

  expect(required).toEqual(['GET', 'PUT'].map((method) => `${method} /api/session/{session_id}/notebook/file path`));
});

it('says which bodies are required, where bytes, tags and redirects come from, and what each stream holds', () => {
  const of = (head: string): Operation => operations.find((entry) => entry.head === head)!.operation;
  const schemas = (createOpenApi()['components'] as { schemas: Record<string, unknown> }).schemas;
  const streams = operations.flatMap(({ head, operation }) => {
    const content = (operation.responses['200'] as { content?: Record<string, { 'x-event-schema'?: { $ref: string } }> } | undefined)?.content;
    return content?.['text/event-stream'] === undefined ? [] : [[head.split('/').at(-1), content['text/event-stream']['x-event-schema']?.$ref.split('/').at(-1)]];
  });

  expect([of('POST /api/session/new'), of('POST /api/session/{session_id}/message/stream'), of('POST /api/session/{session_id}/code/run')].map((operation) => operation.requestBody?.required))
    .toEqual([false, true, true]);
  expect(of('GET /api/session/{session_id}/workspace/files/{filename}').responses['200']).toMatchObject({
    headers: { etag: {} }, content: { 'application/json': {}, 'application/octet-stream': {} },
  });
  expect(Object.keys(of('GET /redoc').responses)).toEqual(['302', 'default']);
  expect(streams.toSorted()).toEqual([['events', 'StreamEvent'], ['stream', 'CellEvent'], ['stream', 'RunEvent'], ['stream', 'RunEvent'], ['stream', 'TurnEvent']]);
  expect(Object.keys(schemas)).toEqual(['Error', 'TurnEvent', 'StreamEvent', 'RunEvent', 'CellEvent']);
});
