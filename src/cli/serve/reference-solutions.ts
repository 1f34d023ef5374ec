import { readReferenceSolutions } from '../../content/index.ts';
import type { ContentResolver } from '../../content/index.ts';
import type { Log } from '../../config/index.ts';
import type { SessionRow } from '../../store/index.ts';

const KEPT = 32;

/** Reads the reference solutions of a session's chapter for the solution guard. Keeps the last ones; a missing bundle has none. */
export function createReferenceReader(content: ContentResolver, log: Log): (row: SessionRow) => Promise<readonly string[]> {
  const kept = new Map<string, readonly string[]>();
  const read = async (row: SessionRow): Promise<readonly string[]> => {
    try {
      const { trusted } = await content.checkSources(row.desktop_context, { hasToken: true }); // Was checked when it was stored.
      const { place } = await content.resolve({ chapterId: row.chapter_id, sources: trusted });
      return (await readReferenceSolutions(place)).map(({ text }) => text);
    } catch (error) {
      log.debug({ err: error, sessionId: row.session_id }, 'no reference solutions');
      return [];
    }
  };
  return async (row) => {
    const key = `${row.content_hash ?? ''} ${row.chapter_id}`;
    const known = kept.get(key);
    if (known !== undefined) return known;
    const references = await read(row);
    kept.set(key, references);
    for (const oldest of kept.keys()) {
      if (kept.size <= KEPT) break;
      kept.delete(oldest);
    }
    return references;
  };
}
