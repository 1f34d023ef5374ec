import { joinPin, restoreFromPin } from '../../content/index.ts';
import type { SessionContent } from '../../content/index.ts';
import type { Store } from '../../store/index.ts';

const KEPT_CONTENTS = 32;

/** Reads the content a session is pinned to. Keeps the last contents in memory, because the sessions of a chapter share one. */
export class PinnedContent {
  readonly #store: Pick<Store, 'content'>;
  readonly #kept = new Map<string, SessionContent>();

  constructor(store: Pick<Store, 'content'>) {
    this.#store = store;
  }

  /** Null when the session has no content, or the pin cannot be put together any more. */
  load(contentHash: string | null): SessionContent | null {
    if (contentHash === null) return null;
    const known = this.#kept.get(contentHash);
    if (known !== undefined) {
      this.#kept.delete(contentHash);
      this.#kept.set(contentHash, known);
      return known;
    }
    const stored = this.#store.content.getPin(contentHash);
    if (stored === null) return null;
    const content = tryRestore(stored);
    if (content === null) return null;
    this.#kept.set(contentHash, content);
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= KEPT_CONTENTS) break;
      this.#kept.delete(oldest);
    }
    return content;
  }
}

function tryRestore(stored: { pin: unknown; texts: Map<string, string> }): SessionContent | null {
  try {
    return restoreFromPin(joinPin(stored.pin, stored.texts));
  } catch {
    return null; // A pin that lost a text is no content: the turn ends with CHAPTER_NOT_FOUND and the session stays readable.
  }
}
