import type { ContentSource } from '../contracts/index.ts';
import { textSources } from '../content/index.ts';
import type { PinnedContent } from '../orchestration/index.ts';
import type { Store } from '../store/index.ts';

const SHOWN = 20;

/** Where the texts come from that sessions are pinned to, read from the pins themselves; the chapters used last come first. */
export function listContentSources({ store, pinned }: { store: Pick<Store, 'content'>; pinned: Pick<PinnedContent, 'load'> }): ContentSource[] {
  return store.content.inUse(SHOWN).flatMap(({ content_hash: hash, chapter_id, sessions }) => {
    const content = pinned.load(hash);
    if (content === null) return [];
    const { chapter_provenance: chapter_source, bundle_version, scope_id } = content;
    return [{ chapter_id, sessions, chapter_source, bundle_version, scope_id, texts: textSources(content) }];
  });
}
