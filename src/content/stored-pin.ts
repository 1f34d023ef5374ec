import * as z from 'zod';
import type { ContentPin } from './pin.ts';

const ProvenanceSchema = z.enum(['chapter', 'bundle', 'environment', 'packaged', 'missing']);

/** A pin as it is stored: names and hashes; the texts lie beside it under their hash. */
export const StoredPinSchema = z.object({
  content_hash: z.string(), texts: z.record(z.string(), z.object({ hash: z.string(), provenance: ProvenanceSchema })),
});
export type StoredPin = z.infer<typeof StoredPinSchema>;

/** Separates a pin from its texts, for the store. */
export function splitPin(pin: ContentPin): { pin: StoredPin; texts: { hash: string; text: string }[] } {
  const entries = Object.entries(pin.texts);
  return {
    pin: {
      content_hash: pin.content_hash, texts: Object.fromEntries(entries.map(([name, { hash, provenance }]) => [name, { hash, provenance }])),
    },
    texts: entries.map(([, { hash, text }]) => ({ hash, text })),
  };
}

/** Puts a stored pin and its texts together again. Throws when the pin is malformed; `restoreFromPin` names missing texts. */
export function joinPin(stored: unknown, texts: ReadonlyMap<string, string>): ContentPin {
  const pin = StoredPinSchema.parse(stored);
  const joined = Object.entries(pin.texts).flatMap(([name, { hash, provenance }]) => {
    const text = texts.get(hash);
    return text === undefined ? [] : [[name, { hash, provenance, text }] as const];
  });
  return { content_hash: pin.content_hash, texts: Object.fromEntries(joined) };
}
