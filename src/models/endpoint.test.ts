import { describe, expect, it } from 'vitest';
import type { EndpointSettings } from '../config/index.ts';
import { endpointUrl, resolveRoute } from './endpoint.ts';

describe('the address of a call', () => {
  it.each([
    ['openai', null, 'https://api.openai.com/v1/chat/completions'],
    ['openai', 'https://host.example', 'https://host.example/v1/chat/completions'],
    ['openai', 'https://host.example///', 'https://host.example/v1/chat/completions'],
    ['openai', 'https://host.example/v1', 'https://host.example/v1/chat/completions'],
    ['openai', 'https://host.example/v1/', 'https://host.example/v1/chat/completions'],
    ['openai', 'https://host.example/v1/chat/completions', 'https://host.example/v1/chat/completions'],
    ['openai', 'https://host.example/proxy', 'https://host.example/proxy/v1/chat/completions'],
    ['anthropic', null, 'https://api.anthropic.com/v1/messages'],
    ['anthropic', 'https://host.example', 'https://host.example/v1/messages'],
    ['anthropic', 'https://host.example/v1/', 'https://host.example/v1/messages'],
    ['anthropic', 'https://host.example/v1/messages', 'https://host.example/v1/messages'],
    ['custom', 'https://host.example/v1', 'https://host.example/v1/chat/completions'],
    ['custom', 'https://host.example/compatible-mode/v1', 'https://host.example/compatible-mode/v1/chat/completions'],
    ['custom', 'https://host.example/api/paas/v4', 'https://host.example/api/paas/v4/chat/completions'],
    ['custom', 'https://host.example/v1beta/openai/', 'https://host.example/v1beta/openai/chat/completions'],
    ['custom', 'http://127.0.0.1:11434', 'http://127.0.0.1:11434/chat/completions'],
    ['custom', 'https://host.example/v1/chat/completions/', 'https://host.example/v1/chat/completions'],
    ['custom', null, null],
    ['openai', 'https://host.example/?key=1', null],
    ['openai', 'https://host.example/#a', null],
    ['openai', 'https://user:pass@host.example', null],
    ['openai', 'ftp://host.example', null],
    ['openai', 'host.example', null],
  ] as const)('of %s with %s is %s', (provider, base, expected) => {
    expect(endpointUrl(provider, base)).toBe(expected);
  });
});

describe('the route of an agent', () => {
  const full: EndpointSettings = { provider: 'openai', baseUrl: null, apiKey: 'k', model: 'm', temperature: null };

  it.each([
    ['the tutor when told so', { provider: 'offline' as const }, { kind: 'offline' }],
    ['the tutor when neither key nor model is set', { provider: 'custom' as const, apiKey: null, model: null, baseUrl: 'http://x' }, { kind: 'offline' }],
    ['the missing model', { model: null }, { kind: 'incomplete', setting: 'LLM_MODEL' }],
    ['the missing key', { apiKey: null }, { kind: 'incomplete', setting: 'LLM_API_KEY' }],
    ['a key that is none', { apiKey: 'sk\nx' }, { kind: 'incomplete', setting: 'LLM_API_KEY' }],
    ['the missing base of a custom server', { provider: 'custom' as const }, { kind: 'incomplete', setting: 'LLM_BASE_URL' }],
    ['a custom server without a key', { provider: 'custom' as const, apiKey: null, baseUrl: 'http://x/v1' }, { kind: 'endpoint', endpoint: { apiKey: null } }],
    ['a full setup', {}, { kind: 'endpoint', endpoint: { url: 'https://api.openai.com/v1/chat/completions', model: 'm' } }],
  ])('is %s', (_title, change, expected) => {
    expect(resolveRoute({ ...full, ...change })).toMatchObject(expected);
  });

  it('shows neither key nor base in what it says about half a setup', () => {
    const route = resolveRoute({ ...full, apiKey: 'sk secret', baseUrl: 'https://user:secret@host' });

    expect(JSON.stringify(route)).not.toContain('secret');
  });
});
