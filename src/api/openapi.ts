import * as z from 'zod';
import { API_VERSION, ErrorBodySchema, EVENT_SCHEMAS, JUPYTER_ROUTES, ROUTES } from '../contracts/index.ts';
import type { RouteContract } from '../contracts/index.ts';

type Json = Record<string, unknown>;

const toSchema = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return json;
};
const jsonContent = (schema: Json): Json => ({ 'application/json': { schema } });
const errorAnswer = { description: 'refused or failed', content: jsonContent({ $ref: '#/components/schemas/Error' }) };

const jupyterError = {
  description: 'refused or failed, in the words of Jupyter',
  content: jsonContent({ type: 'object', properties: { message: { type: 'string' }, reason: { type: ['string', 'null'] } }, required: ['message'] }),
};

function pathParameters(path: string): Json[] {
  return [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({ name, in: 'path', required: true, schema: { type: 'string' } }));
}

function parametersOf(place: 'query' | 'header', fields: z.ZodType | undefined): Json[] {
  if (fields === undefined) return [];
  const { properties = {}, required = [] } = toSchema(fields, 'input') as { properties?: Json; required?: string[] };
  return Object.entries(properties).map(([name, schema]) => ({ name, in: place, required: required.includes(name), schema }));
}

function requestBody(route: RouteContract): Json | undefined {
  if (route.multipart) {
    const files = { type: 'object', properties: { files: { type: 'array', items: { type: 'string', format: 'binary' } } }, required: ['files'] };
    return { required: true, content: { 'multipart/form-data': { schema: files } } };
  }
  // A missing body means `{}`.
  return route.body === undefined ? undefined : { required: !route.body.safeParse({}).success, content: jsonContent(toSchema(route.body, 'input')) };
}

function jsonAnswer(route: RouteContract): Json {
  const json = jsonContent(route.answer === undefined ? { type: 'object' } : toSchema(route.answer, 'output'));
  const bytes = { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } };
  return {
    description: route.raw ? 'the answer; the bytes with raw=true, an image under its own type' : 'the answer',
    content: { ...json, ...(route.raw ? bytes : {}) },
    ...(route.etag ? { headers: { etag: { schema: { type: 'string' } } } } : {}),
  };
}

/** OpenAPI 3.1 has no word for the parts of a stream, so the schema of a frame's data line stands in an extension. */
function eventStream({ events }: RouteContract): Json {
  return { schema: { type: 'string' }, ...(events === undefined ? {} : { 'x-event-schema': { $ref: `#/components/schemas/${events}` } }) };
}

function successAnswer(route: RouteContract): Json {
  switch (route.answerKind) {
    case 'empty': return { 204: { description: 'done' } };
    case 'sse': return { 200: { description: 'a stream of events', content: { 'text/event-stream': eventStream(route) } } };
    case 'redirect': return { 302: { description: 'elsewhere', headers: { location: { schema: { type: 'string' } } } } };
    case 'page': return { 200: { description: 'a page', content: { 'text/html': { schema: { type: 'string' } } } } };
    default: return { 200: jsonAnswer(route) };
  }
}

const eventSchemas = (): Json => Object.fromEntries(Object.entries(EVENT_SCHEMAS).map(([name, schema]) => [name, toSchema(schema, 'output')]));

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
    parameters: [...pathParameters(route.path), ...parametersOf('query', route.query), ...parametersOf('header', route.headers)],
    ...(body === undefined ? {} : { requestBody: body }),
    responses: { ...successAnswer(route), default: JUPYTER_ROUTES.includes(route) ? jupyterError : errorAnswer },
    security: route.auth === 'none' ? [] : [{ token: [] }],
    'x-auth-class': route.auth,
  };
}

/** The contract as OpenAPI 3.1, from the route table and the schemas. */
export function createOpenApi(): Json {
  const paths: Record<string, Json> = {};
  for (const route of [...ROUTES, ...JUPYTER_ROUTES]) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operation(route) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'sidecar', version: API_VERSION, description: 'Local execution engine of a desktop learning app. Streams and their order are described in the documentation.' },
    servers: [{ url: 'http://127.0.0.1' }],
    paths,
    components: {
      schemas: { Error: toSchema(ErrorBodySchema, 'output'), ...eventSchemas() },
      securitySchemes: { token: { type: 'http', scheme: 'bearer' } },
    },
  };
}
