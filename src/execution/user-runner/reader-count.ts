import { LIMITS, SidecarError } from '../../contracts/index.ts';

/** Bounds the open streams, per session and in all. Entering throws TOO_MANY_SUBSCRIBERS; the result leaves again. */
export function createReaderCount(): { enter(sessionId: string): () => void } {
  /** An entry leaves with the session's last reader. */
  const counts = new Map<string, number>();
  let total = 0;
  return {
    enter: (sessionId) => {
      const count = counts.get(sessionId) ?? 0;
      if (count >= LIMITS.subscribers_per_session || total >= LIMITS.subscribers_total) {
        throw new SidecarError('TOO_MANY_SUBSCRIBERS', 'too many open job streams', { retryAfterSeconds: 5 });
      }
      counts.set(sessionId, count + 1);
      total += 1;
      let isOpen = true;
      return () => {
        if (!isOpen) return;
        isOpen = false;
        total -= 1;
        const left = (counts.get(sessionId) ?? 1) - 1;
        if (left > 0) counts.set(sessionId, left);
        else counts.delete(sessionId);
      };
    },
  };
}
