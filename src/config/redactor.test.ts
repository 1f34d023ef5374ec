import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { cpuMs } from '../../tests/support/cpu-time.ts';
import { createRedactor } from './redactor.ts';

const JWT = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NSJ9.c2lnbmF0dXJlLXBhcnQ';

it.each([
  ['a JWT', `x ${JWT} y`, 'x [redacted] y'],
  ['a bearer header', 'authorization failed for Bearer abcdefgh12345678', 'authorization failed for Bearer [redacted]'],
  ['an OpenAI key', 'key sk-proj-abcdefghijklmnop1234 used', 'key [redacted] used'],
  ['a GitHub token', 'ghp_abcdefghijklmnopqrstuvwxyz0123', '[redacted]'],
  ['an assignment', 'LLM_API_KEY=abcdef123456 next', 'LLM_API_KEY=[redacted] next'],
  ['a JSON field', '{"auth_token":"abcdef123456","n":1}', '{"auth_token":"[redacted]","n":1}'],
])('replaces %s by its shape or name', (_title, text, expected) => {
  expect(createRedactor().redact(text)).toBe(expected);
});

it.each(['token_usage', '{"type": "token_usage","input_tokens": 12345678}', 'password = input("your password")', 'ask-me-anything-you-would-like', '你好'])(
  'leaves %j as it is', (text) => {
    expect(createRedactor().redact(text)).toBe(text);
  });

it('replaces a registered value however it is encoded, at any place of a longer text', () => {
  const secret = fc.stringMatching(/^[A-Za-z0-9_+/="?&%-]{12,40}$/);
  fc.assert(fc.property(secret, fc.string(), fc.string(), (value, before, after) => {
    const redactor = createRedactor();
    redactor.register(value);
    const plain = `${before}${value}${after}`;
    const core = value.slice(2, -3);
    const coded = [
      plain, JSON.stringify(plain), encodeURIComponent(`${value} `), Buffer.from(plain).toString('base64'), Buffer.from(plain).toString('base64url'),
    ];

    for (const text of coded) {
      const clean = redactor.redact(text);
      expect(clean).toContain('[redacted]');
      expect(clean.includes(core) && !before.includes(core) && !after.includes(core)).toBe(false);
    }
  }));
});

it('does not replace values that are too short to be secrets', () => {
  const redactor = createRedactor();
  redactor.register('none');
  redactor.register('');

  expect(redactor.redact('none of it')).toBe('none of it');
});

it('cuts cycles and names what is not plain', () => {
  const cyclic: Record<string, unknown> = { password: 'x', count: 3n };
  cyclic['self'] = cyclic;

  expect(JSON.stringify(createRedactor().redactFields(cyclic))).toMatch(/^\{"password":"\[redacted\]","count":"3","self":\{.*too deep/);
});

it.each(['a-', '-eyJ', 'secret ', 'bearer  ', 'x_token ', 'sk-', 'password = '])('stays quick on a long text of %j', (piece) => {
  const text = piece.repeat(120_000 / piece.length);
  const before = cpuMs();

  createRedactor().redact(text);

  expect(cpuMs() - before).toBeLessThan(3000); // Some ten of them as it is; in square time, minutes.
});

it('forgets the oldest of the passing secrets only', () => {
  const redactor = createRedactor();
  redactor.register('lasting-secret');
  for (let index = 0; index <= 1024; index += 1) redactor.registerPassing(`passing-secret-${index}-`);

  expect(redactor.redact('lasting-secret passing-secret-0- passing-secret-1-')).toBe('[redacted] passing-secret-0- [redacted]');
  expect(redactor.values()).toHaveLength(1025);
});
