import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { withoutNulls } from './wire/json-body.ts';
import { parseWith } from './wire/validate.ts';
import type { ApiDeps } from './api-contract.ts';
import { ResumeHeadersSchema, ResumeQuerySchema } from '../contracts/index.ts';
import type { Language } from '../contracts/index.ts';

/** One request as a route sees it: parse, call one function, answer. */
export class RouteRequest {
  readonly raw: FastifyRequest;
  readonly deps: ApiDeps;

  constructor(raw: FastifyRequest, deps: ApiDeps) {
    this.raw = raw;
    this.deps = deps;
  }

  /** A path parameter, percent-decoded once. */
  param(name: string): string {
    const params = this.raw.params as Record<string, string>; // proof: fastify fills every parameter of a matched route
    return params[name === 'filename' ? '*' : name] ?? '';
  }

  get sessionId(): string {
    return this.param('session_id');
  }

  get language(): Language {
    return this.sessionId === '' ? this.deps.language : this.deps.sessions.languageOf(this.sessionId);
  }

  /** The parsed body; `null` members count as absent, except inside those named in `verbatim`. */
  body<T extends z.ZodType>(schema: T, verbatim: readonly string[] = []): z.output<T> {
    return parseWith(schema, withoutNulls(this.raw.body, verbatim), this.language);
  }

  query<T extends z.ZodType>(schema: T): z.output<T> {
    return parseWith(schema, this.raw.query, this.language);
  }

  /** Where a reader of events left off: the header, else the query `after`; an empty one says nothing. Null = from now on. */
  lastEventId(): string | null {
    return this.headers(ResumeHeadersSchema)['last-event-id'] || this.query(ResumeQuerySchema).after || null;
  }

  headers<T extends z.ZodType>(schema: T): z.output<T> {
    return parseWith(schema, this.raw.headers, this.language);
  }
}

/** Returns the JSON answer, or undefined when it has answered through `reply` itself. */
export type RouteHandler = (request: RouteRequest, reply: FastifyReply) => unknown;
export type RouteHandlers = Readonly<Record<string, RouteHandler>>;
