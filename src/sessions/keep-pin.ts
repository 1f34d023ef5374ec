import type { ContentPin } from '../content/index.ts';
import { splitPin } from '../content/index.ts';
import type { Store } from '../store/index.ts';

/** Keeps the texts of a pin; the same content is kept once for all sessions. */
export function keepPin(store: Store, pin: ContentPin, at: string): void {
  const stored = splitPin(pin);
  store.content.putPin(pin.content_hash, stored.pin, stored.texts, at);
}
