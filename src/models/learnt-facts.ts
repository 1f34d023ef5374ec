import * as z from 'zod';
import type { StructuredRung } from './capability-table.ts';
import type { Endpoint } from './endpoint.ts';

/** Keeps small learnt facts with an expiry; `store.facts` is one. */
export interface FactStore {
  get(key: string, nowMs: number): unknown;
  put(key: string, value: unknown, expiresAtMs: number | null): void;
}

const MEMORY_MS = 7 * 24 * 3600 * 1000;
const MIN_FACTOR = 0.7;
const MAX_FACTOR = 1.6;
const WEIGHT_OF_NEWS = 0.3;

const RungSchema = z.enum(['json_schema', 'tool', 'json_object', 'text']);
const QuirksSchema = z.array(z.string()).max(16);
const NumberSchema = z.number().positive();

/** What was learnt about endpoints; a value that no longer parses counts as not learnt. */
export interface LearntFacts {
  rung(endpoint: Endpoint): StructuredRung | null;
  keepRung(endpoint: Endpoint, rung: StructuredRung): void;
  quirks(endpoint: Endpoint): readonly string[];
  keepQuirk(endpoint: Endpoint, name: string): void;
  lacksTools(endpoint: Endpoint): boolean;
  keepLackOfTools(endpoint: Endpoint): void;
  window(endpoint: Endpoint): number | null;
  keepWindow(endpoint: Endpoint, tokens: number): void;
  factor(endpoint: Endpoint): number;
  /** Moves the factor towards what a provider counted for a text of a plain estimate. */
  keepCount(endpoint: Endpoint, counted: number, plainEstimate: number): void;
}

/** Reads and writes learnt facts through a store. */
export function createLearntFacts(store: FactStore, nowMs: () => number): LearntFacts {
  const key = (topic: string, { url, model }: Endpoint): string => `models.${topic} ${url} ${model}`;
  const read = <T>(topic: string, endpoint: Endpoint, schema: z.ZodType<T>): T | null => {
    const parsed = schema.safeParse(store.get(key(topic, endpoint), nowMs()));
    return parsed.success ? parsed.data : null;
  };
  const keep = (topic: string, endpoint: Endpoint, value: unknown): void => store.put(key(topic, endpoint), value, nowMs() + MEMORY_MS);
  const quirks = (endpoint: Endpoint): readonly string[] => read('quirks', endpoint, QuirksSchema) ?? [];
  return {
    rung: (endpoint) => read('rung', endpoint, RungSchema),
    keepRung: (endpoint, rung) => keep('rung', endpoint, rung),
    quirks,
    keepQuirk: (endpoint, name) => keep('quirks', endpoint, [...new Set([...quirks(endpoint), name])]),
    lacksTools: (endpoint) => read('lacks_tools', endpoint, z.literal(true)) ?? false,
    keepLackOfTools: (endpoint) => keep('lacks_tools', endpoint, true),
    window: (endpoint) => read('window', endpoint, NumberSchema),
    keepWindow: (endpoint, tokens) => keep('window', endpoint, tokens),
    factor: (endpoint) => clampFactor(read('factor', endpoint, NumberSchema) ?? 1),
    keepCount: (endpoint, counted, plainEstimate) => {
      const known = read('factor', endpoint, NumberSchema);
      const seen = clampFactor(counted / plainEstimate);
      keep('factor', endpoint, known === null ? seen : clampFactor(known + WEIGHT_OF_NEWS * (seen - known)));
    },
  };
}

function clampFactor(factor: number): number {
  return Math.min(MAX_FACTOR, Math.max(MIN_FACTOR, factor));
}
