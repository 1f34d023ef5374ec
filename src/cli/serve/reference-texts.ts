import { readReferenceSolutions } from '../../content/index.ts';
import type { ContentResolver } from '../../content/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import type { SessionRow } from '../../store/index.ts';

const KEPT = 32;

/** Reads the reference solutions of a session's chapter for the solution guard. Keeps those of the last contents, never on disk. */
export function createReferenceTexts(content: ContentResolver, caller: { hasToken: boolean }): (session: SessionRow) => Promise<readonly string[]> {
  const kept = new Map<string, readonly string[]>();
  return async (session) => {
    const key = session.content_hash ?? '';
    const known = kept.get(key);
    if (known !== undefined) return known;
    const texts = await readTexts(content, session, caller);
    kept.set(key, texts);
    const [oldest] = kept.keys();
    if (kept.size > KEPT && oldest !== undefined) kept.delete(oldest);
    return texts;
  };
}

async function readTexts(content: ContentResolver, session: SessionRow, caller: { hasToken: boolean }): Promise<readonly string[]> {
  try {
    const { trusted } = await content.checkSources(session.desktop_context ?? {}, caller);
    const { place } = await content.resolve({ chapterId: session.chapter_id, sources: trusted });
    return (await readReferenceSolutions(place)).map(({ text }) => text);
  } catch (error) {
    // A bundle that is gone has no solutions to guard; the pinned texts of the session are enough for the turn.
    if (error instanceof SidecarError) return [];
    throw error;
  }
}
