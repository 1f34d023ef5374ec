import type { EndpointSettings } from '../config/index.ts';

/** A provider that can be called: one address, one model. */
export interface Endpoint {
  provider: 'openai' | 'anthropic' | 'custom';
  /** The whole address of the call, without secrets. */
  url: string;
  apiKey: string | null;
  model: string;
  temperature: number | null;
}

/** Where the calls of one agent go. */
export type Route =
  | { kind: 'offline' }
  | { kind: 'incomplete'; setting: 'LLM_API_KEY' | 'LLM_MODEL' | 'LLM_BASE_URL'; detail: string }
  | { kind: 'endpoint'; endpoint: Endpoint };

const PUBLIC_BASES = { openai: 'https://api.openai.com', anthropic: 'https://api.anthropic.com' } as const;
const VERSIONED_PATHS = { openai: '/chat/completions', anthropic: '/messages' } as const;
// What an HTTP header can carry; a key pasted with a line break would otherwise fail deep inside the transport.
const HEADER_VALUE = /^[\x21-\x7e]+$/;

/** Decides between the offline tutor, a callable endpoint, and a setup of which something is missing. */
export function resolveRoute(settings: EndpointSettings): Route {
  const { provider, baseUrl, apiKey, model } = settings;
  if (provider === 'offline' || (apiKey === null && model === null)) return { kind: 'offline' };
  if (model === null) return { kind: 'incomplete', setting: 'LLM_MODEL', detail: 'a key is set but no model' };
  if (apiKey === null && provider !== 'custom') return { kind: 'incomplete', setting: 'LLM_API_KEY', detail: 'a model is set but no key' };
  if (apiKey !== null && !HEADER_VALUE.test(apiKey)) {
    return { kind: 'incomplete', setting: 'LLM_API_KEY', detail: 'the key has characters that no key has' };
  }
  const url = endpointUrl(provider, baseUrl);
  if (url === null) {
    return { kind: 'incomplete', setting: 'LLM_BASE_URL', detail: baseUrl === null ? 'no base address' : 'the base address is not usable' };
  }
  return { kind: 'endpoint', endpoint: { provider, url, apiKey, model, temperature: settings.temperature } };
}

/** The address of the call for a base, or null when the base is missing or must not be used. */
export function endpointUrl(provider: Endpoint['provider'], baseUrl: string | null): string | null {
  const base = baseUrl ?? (provider === 'custom' ? null : PUBLIC_BASES[provider]);
  if (base === null || /[?#\s]/.test(base) || !URL.canParse(base)) return null;
  const { protocol, username, password } = new URL(base);
  if ((protocol !== 'https:' && protocol !== 'http:') || username !== '' || password !== '') return null;
  const trimmed = base.replace(/\/+$/, '');
  const path = provider === 'custom' ? '/chat/completions' : VERSIONED_PATHS[provider];
  if (trimmed.endsWith(path)) return trimmed;
  return provider === 'custom' || trimmed.endsWith('/v1') ? trimmed + path : `${trimmed}/v1${path}`;
}
