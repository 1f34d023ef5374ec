import { expect, it } from 'vitest';
import { tryParseAnnouncement } from './announcement.ts';
import { minimalEnvironment } from './minimal-environment.ts';

const ready = { event: 'ready', url: 'http://127.0.0.1:5', pid: 7, contract_version: 'v1', version: '1.2.3', auth: 'token' };

it.each([
  [ready, { event: 'ready', url: 'http://127.0.0.1:5', pid: 7, contractVersion: 'v1', version: '1.2.3' }],
  [{ event: 'fatal', code: 'PORT_IN_USE', message: 'taken' }, { event: 'fatal', code: 'PORT_IN_USE', message: 'taken' }],
  [{ event: 'fatal' }, { event: 'fatal', code: 'INTERNAL', message: '' }],
  [{ event: 'stopping', reason: 'sigterm' }, { event: 'stopping', reason: 'sigterm' }],
  [{ event: 'later', x: 1 }, null],
  [{ ...ready, url: 'http://evil.example:80' }, null],
  [{ ...ready, url: 'http://127.0.0.1:5/path' }, null],
  [[], null],
  [null, null],
])('reads %j', (line, expected) => {
  expect(tryParseAnnouncement(JSON.stringify(line))).toEqual(expected);
});

it('passes over what is no JSON', () => {
  expect(tryParseAnnouncement('Debugger listening')).toBeNull();
});

it('hands a sidecar nothing of another program', () => {
  const env = { Path: '/bin', HOME: '/h', NODE_OPTIONS: '--inspect', LLM_API_KEY: 'k', npm_config_x: '1' };

  expect(minimalEnvironment(env)).toEqual({ Path: '/bin', HOME: '/h', MALLOC_ARENA_MAX: '1' });
});
