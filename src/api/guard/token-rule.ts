import { createHash, timingSafeEqual } from 'node:crypto';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `valid`, `wrong`, or `none` when the request carries no credentials at all. */
export type TokenState = 'valid' | 'wrong' | 'none';

/** Compares credentials with the server's token, as digests in constant time. */
export function createTokenRule(token: string): (authorization: string | undefined) => TokenState {
  const expected = digest(`Bearer ${token}`);
  return (authorization) => {
    if (authorization === undefined) return 'none';
    return timingSafeEqual(digest(authorization), expected) ? 'valid' : 'wrong';
  };
}
