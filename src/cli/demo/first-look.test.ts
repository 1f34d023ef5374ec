import { expect, it } from 'vitest';
import { renderFirstLook } from './first-look.ts';

const LOOK = { url: 'http://127.0.0.1:4555', sessionsDir: '/s', chapter: 'c/ch', sessionId: 'first-look-ab12', model: null };

it('shows a terminal the link and commands with the token', () => {
  const text = renderFirstLook({ ...LOOK, token: 'secret-token' });

  expect(text).toContain('http://127.0.0.1:4555/#token=secret-token\n');
  expect(text).toContain('SIDECAR_TOKEN=secret-token npm run -s sidecar -- chat --url http://127.0.0.1:4555\n');
  expect(text).toContain('"session_id": "first-look-ab12"');
  expect(text).toContain('/api/session/first-look-ab12/message/stream');
});

it('keeps the token out of a text that may be kept, and says where it is', () => {
  const text = renderFirstLook({ ...LOOK, token: null, model: 'm' });

  expect(text).not.toContain('#token');
  expect(text).toContain('the first line on stdout');
  expect(text).toContain('The model m answers.');
});
