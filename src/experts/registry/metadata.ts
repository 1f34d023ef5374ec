import * as z from 'zod';
import { EXPERT_ID_PATTERN } from '../../contracts/index.ts';

const NAME = /^[a-z][a-z0-9_-]{1,63}$/;
const names = z.array(z.string().min(1).max(64)).max(16);
const lowered = (most: number) => z.int().min(1).transform((value) => Math.min(value, most)).optional();

/** What a consultation may use at most; a package can only lower it. */
export const CONSULTATION_LIMITS = { steps: 6, calls: 12, seconds: 90, tokens: 40_000 } as const;
export type ConsultationLimits = { [Key in keyof typeof CONSULTATION_LIMITS]: number };

/** The fenced JSON block below the heading "Metadata" of `principles.md`. Unknown members are ignored. */
export const ExpertMetadataSchema = z.object({
  expert_id: z.string().regex(EXPERT_ID_PATTERN),
  description: z.string().trim().min(1).max(300),
  output_modes: z.array(z.string().regex(NAME)).min(1).max(8),
  tags: names.default([]),
  skill_handles: names.default([]),
  tools: names.optional(),
  limits: z.object({
    steps: lowered(CONSULTATION_LIMITS.steps), calls: lowered(CONSULTATION_LIMITS.calls), seconds: lowered(CONSULTATION_LIMITS.seconds),
    tokens: lowered(CONSULTATION_LIMITS.tokens),
  }).default({}),
});
export type ExpertMetadata = z.infer<typeof ExpertMetadataSchema>;

/** The metadata of a `principles.md` and its text without that block, or why there is none. */
export type PrinciplesReading = { kind: 'read'; metadata: ExpertMetadata; prose: string } | { kind: 'broken'; reason: string };

/** Reads `principles.md`. */
export function readPrinciples(text: string): PrinciplesReading {
  const block = metadataBlock(text);
  if (block === null) return { kind: 'broken', reason: 'no heading "Metadata" with a fenced JSON block' };
  let value: unknown;
  try {
    value = JSON.parse(block.json);
  } catch {
    return { kind: 'broken', reason: 'the metadata is not valid JSON' };
  }
  const parsed = ExpertMetadataSchema.safeParse(value);
  if (parsed.success) return { kind: 'read', metadata: parsed.data, prose: block.rest };
  const [issue] = parsed.error.issues;
  return { kind: 'broken', reason: `metadata ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'invalid'}` };
}

/** The first fence below the heading, before the next heading. */
function metadataBlock(text: string): { json: string; rest: string } | null {
  const lines = text.split('\n');
  const heading = lines.findIndex((line) => /^ {0,3}#{1,6}[ \t]+metadata[ \t:：]*#*[ \t]*$/i.test(line));
  if (heading < 0) return null;
  const opening = lines.findIndex((line, index) => index > heading && (/^ {0,3}(`{3,}|~{3,})/.test(line) || /^ {0,3}#{1,6}[ \t]/.test(line)));
  const fence = /^ {0,3}(`{3,}|~{3,})/.exec(lines[opening] ?? '')?.[1];
  if (fence === undefined) return null;
  const closing = lines.findIndex((line, index) => index > opening && line.trim().startsWith(fence));
  if (closing < 0) return null;
  const rest = [...lines.slice(0, heading), ...lines.slice(closing + 1)].join('\n').replace(/\n{3,}/g, '\n\n').trim();
  return { json: lines.slice(opening + 1, closing).join('\n'), rest };
}
