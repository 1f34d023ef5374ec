import * as z from 'zod';
import { API_VERSION, ErrorBodySchema, ROUTES } from '../contracts/index.ts';
import type { RouteContract } from '../contracts/index.ts';

type Json = Record<string, unknown>;

const toSchema = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return json;
};
const jsonContent = (schema: Json): Json => ({ 'application/json': { schema } });
const errorAnswer = { description: 'refused or failed', content: jsonContent({ $ref: '#/components/schemas/Error' }) };

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function queryParameters(query: z.ZodType | undefined): Json[] {
  if (query === undefined) return [];
  const { properties = {}, required = [] } = toSchema(query, 'input') as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: 'query', required: required.includes(name), schema }));
}

function requestBody(route: RouteContract): Json | undefined {
  if (route.multipart) {
    const files = { type: 'object', properties: { files: { type: 'array', items: { type: 'string', format: 'binary' } } }, required: ['files'] };
    return { required: true, content: { 'multipart/form-data': { schema: files } } };
  }
  return route.body === undefined ? undefined : { content: jsonContent(toSchema(route.body, 'input')) };
}

function successAnswer(route: RouteContract): Json {
  switch (route.answerKind) {
    case 'empty': return { 204: { description: 'done' } };
    case 'sse': return { 200: { description: 'a stream of events', content: { 'text/event-stream': { schema: { type: 'string' } } } } };
    case 'page': return { 200: { description: 'a page', content: { 'text/html': { schema: { type: 'string' } } } } };
    default: return { 200: { description: 'the answer', content: jsonContent(route.answer === undefined ? { type: 'object' } : toSchema(route.answer, 'output')) } };
  }
}

/** Keeps underscores, because the two spellings of the dynamic report differ in nothing else. */
function operationId({ method, path }: RouteContract): string {
  return method.toLowerCase() + path.replace(/[^A-Za-z0-9_]+(\w)?/g, (_all, next: string | undefined) => (next ?? '').toUpperCase());
}

function operation(route: RouteContract): Json {
  const body = requestBody(route);
  return {
    operationId: operationId(route),
    summary: route.summary,
    tags: [route.tag],
    parameters: [...pathParameters(route.path), ...queryParameters(route.query)],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...successAnswer(route), default: errorAnswer },
    security: route.auth === 'none' ? [] : [{ token: [] }],
    'x-auth-class': route.auth,
  };
}

/** The contract as OpenAPI 3.1, from the route table and the schemas. */
export function createOpenApi(): Json {
  const paths: Record<string, Json> = {};
  for (const route of ROUTES) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'sidecar', version: API_VERSION, description: 'Local execution engine of a desktop learning app. Streams and their order are described in the documentation.' },
    servers: [{ url: 'http://127.0.0.1' }],
    paths,
    components: {
      schemas: { Error: toSchema(ErrorBodySchema, 'output') },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}
