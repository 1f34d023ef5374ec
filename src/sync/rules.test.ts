import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tryParseRegistration } from './backend-requests.ts';
import { tryParseBackendUrl } from './backend-url.ts';
import { retryDelayMs, tryParseRetryAfter, verdictOf } from './retry-rules.ts';
import { TokenBook, isHeaderToken, subjectHashOf } from './token-book.ts';

const jwt = (subject: string, salt = ''): string =>
  ['{}', JSON.stringify({ sub: subject, salt }), 'x'].map((part) => Buffer.from(part).toString('base64url')).join('.');

describe('what an answer means', () => {
  it.each([
    ['sent', [200, 201, 204, 409]], ['dead', [400, 413, 422]], ['unauthorized', [401]], ['denied', [403]], ['register', [404]],
    ['retry', [0, 301, 302, 307, 405, 408, 410, 418, 425, 429, 500, 502, 503, 504]],
  ])('%s', (verdict, statuses) => {
    expect(statuses.map(verdictOf)).toEqual(statuses.map(() => verdict));
  });
});

describe('the wait before another try', () => {
  it('doubles from 2 s to 5 min', () => {
    expect([0, 1, 2, 6, 7, 8, 60].map((attempts) => retryDelayMs(attempts, 0, null))).toEqual([2_000, 4_000, 8_000, 128_000, 256_000, 300_000, 300_000]);
  });

  it('is at most a quarter shorter by chance and never before what the server asks for', () => {
    fc.assert(fc.property(fc.nat(100), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), fc.nat(200_000_000), (attempts, chance, asked) => {
      const full = retryDelayMs(attempts, 0, null);
      const plain = retryDelayMs(attempts, chance, null);
      expect(plain).toBeGreaterThanOrEqual(full * 0.75);
      expect(plain).toBeLessThanOrEqual(full);
      expect(retryDelayMs(attempts, chance, asked)).toBe(Math.max(plain, Math.min(asked, 86_400_000)));
    }));
  });

  it.each([
    ['120', 120_000], ['0', 0], ['1.5', 1_500], ['Wed, 21 Oct 2015 07:28:10 GMT', 10_000], ['Wed, 21 Oct 2015 07:27:00 GMT', 0],
    ['soon', null], ['-3', null], ['', null], [null, null],
  ])('reads retry-after %j', (header, expected) => {
    expect(tryParseRetryAfter(header, Date.parse('2015-10-21T07:28:00Z'))).toBe(expected);
  });
});

describe('a backend address', () => {
  it.each([
    ['https://api.example/base/', null, 'https://api.example/base'],
    ['http://127.0.0.1:8080', null, 'http://127.0.0.1:8080'],
    ['http://localhost:3001/', null, 'http://localhost:3001'],
    ['http://[::1]:1/x', null, 'http://[::1]:1/x'],
    ['https://api.example', ['https://api.example'], 'https://api.example'],
    ['https://other.example', ['https://api.example'], null],
    ['http://evil.example', null, null],
    ['http://127.0.0.1.evil.example', null, null],
    ['https://user:pw@api.example', null, null],
    ['https://user@api.example', null, null],
    ['https://api.example/?a=1', null, null],
    ['https://api.example/#a', null, null],
    ['file:///etc/passwd', null, null],
    ['javascript:alert(1)', null, null],
    ['', null, null],
  ])('%j with %j', (text, allowed, expected) => {
    expect(tryParseBackendUrl(text, allowed)?.url ?? null).toBe(expected);
  });
});

describe('a registration answer', () => {
  it.each([
    ['{"session_id":"b-1.x~y"}', 'b-1.x~y'], ['{"session_id":".."}', null], ['{"session_id":"a/b"}', null], ['{"session_id":7}', null],
    ['{}', null], ['<html>', null], ['', null],
  ])('%j', (text, expected) => {
    expect(tryParseRegistration(text)).toBe(expected);
  });
});

describe('the token book', () => {
  it('gives the newest token of a user, of anybody for an unknown user, and none that was refused', () => {
    const book = new TokenBook();
    const [anna, ben] = [subjectHashOf(jwt('anna')), subjectHashOf(jwt('ben'))];
    book.put('https://a', jwt('anna', '1'));
    book.put('https://a', jwt('ben'));
    book.put('https://a', jwt('anna', '2'));

    expect([book.find('https://a', anna)?.token, book.find('https://a', ben)?.token, book.find('https://a', null)?.token, book.find('https://b', null)])
      .toEqual([jwt('anna', '2'), jwt('ben'), jwt('anna', '2'), null]);
    book.refuse('https://a', jwt('anna', '2'));
    expect([book.find('https://a', anna), book.find('https://a', null)?.token]).toEqual([null, jwt('ben')]);
    expect(book.put('https://a', jwt('anna', '2'))).toEqual({ userHash: anna, isUsable: false, isNew: false });
    expect(book.put('https://a', jwt('anna', '3'))).toEqual({ userHash: anna, isUsable: true, isNew: true });
  });

  it('keeps a bounded number', () => {
    const book = new TokenBook();
    for (let index = 0; index < 100; index += 1) book.put('https://a', jwt(`user ${index}`));

    expect(book.find('https://a', subjectHashOf(jwt('user 0')))).toBeNull();
    expect(book.find('https://a', subjectHashOf(jwt('user 99')))).not.toBeNull();
  });

  it.each(['opaque', 'a.b', 'a.bnVsbA.c', `a.${Buffer.from('{"sub":{}}').toString('base64url')}.c`])('knows no user of %j', (token) => {
    expect(subjectHashOf(token)).toBeNull();
  });

  it('refuses what no header can carry', () => {
    expect(['ok', 'a b', 'a\nb', '', 'é', 'x'.repeat(9_000)].map(isHeaderToken)).toEqual([true, false, false, false, false, false]);
  });
});
