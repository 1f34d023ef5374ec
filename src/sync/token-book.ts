import { createHash } from 'node:crypto';

const MAX_TOKENS = 64;

interface KeptToken { origin: string; userHash: string | null; token: string; refused: boolean }

/** The newest token of each user at each backend. In memory only; the oldest leave when there are more than `MAX_TOKENS`. */
export class TokenBook {
  #tokens: KeptToken[] = [];

  /** Keeps a token as the newest of its user; says whether it may be used, which one that was refused may not. */
  put(origin: string, token: string): { userHash: string | null; isUsable: boolean; isNew: boolean } {
    const userHash = subjectHashOf(token);
    const same = this.#tokens.find((kept) => kept.origin === origin && kept.token === token);
    const refused = same?.refused ?? false;
    const others = this.#tokens.filter((kept) => kept.origin !== origin || kept.userHash !== userHash);
    this.#tokens = [...others, { origin, userHash, token, refused }].slice(-MAX_TOKENS);
    return { userHash, isUsable: !refused, isNew: same === undefined };
  }

  /** The token of a user, or the newest of anybody when the user is unknown; null when there is none that may be used. */
  find(origin: string, userHash: string | null): { token: string; userHash: string | null } | null {
    const isUsable = (kept: KeptToken): boolean => kept.origin === origin && !kept.refused && (userHash === null || kept.userHash === userHash);
    return this.#tokens.findLast(isUsable) ?? null;
  }

  /** Marks a token that the backend no longer takes. */
  refuse(origin: string, token: string): void {
    for (const kept of this.#tokens) if (kept.origin === origin && kept.token === token) kept.refused = true;
  }
}

/** A hash of the `sub` of a JWT, to tell users apart without keeping who they are; null for any other token. */
export function subjectHashOf(token: string): string | null {
  const payload = token.split('.')[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    if (typeof claims !== 'object' || claims === null || !('sub' in claims)) return null;
    const subject = claims.sub;
    if (typeof subject !== 'string' && typeof subject !== 'number') return null;
    return createHash('sha256').update(`subject:${subject}`).digest('hex').slice(0, 24);
  } catch {
    return null; // Not a JWT; opaque tokens are allowed.
  }
}

/** True for a text that can stand in an `Authorization` header. */
export function isHeaderToken(token: string): boolean {
  return /^[\u0021-\u007e]{1,8192}$/.test(token);
}
