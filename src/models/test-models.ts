import { silentLog, systemClock, type EndpointSettings, type ModelSettings } from '../config/index.ts';
import type { LedgerRow } from '../contracts/index.ts';
import { createModels, type ModelsOptions } from './create-models.ts';
import type { CallContext, ModelGateway } from './gateway-contract.ts';
import type { FactStore } from './learnt-facts.ts';
import type { ModelPart, ModelRequest } from './port.ts';

/** Fixtures for the tests of this folder. */
export const KEY = 'sk-test-0123456789abcdef';
export const OFFLINE: EndpointSettings = { provider: 'offline', baseUrl: null, apiKey: null, model: null, temperature: null };

/** Settings that send every agent to a scripted provider. */
export function settingsFor(provider: { url: string }, protocol: 'openai' | 'anthropic' | 'custom' = 'openai', change: Partial<ModelSettings> = {}): ModelSettings {
  const endpoint: EndpointSettings = { provider: protocol, baseUrl: provider.url, apiKey: KEY, model: 'tutor-1', temperature: null };
  return {
    endpoints: { CA: endpoint, RMA: endpoint, MA: endpoint, EXP: endpoint, SMALL: endpoint },
    fallbackModel: null, contextTokens: null, structured: null, turnTokenLimit: 120_000, sessionTokenLimit: null, dayTokenLimit: null, ...change,
  };
}

/** A store of facts in memory that honours the expiry. */
export function memoryFacts(): FactStore & { all: Map<string, unknown> } {
  const all = new Map<string, unknown>();
  const expiries = new Map<string, number | null>();
  return {
    all,
    get: (key, nowMs) => ((expiries.get(key) ?? Infinity) > nowMs ? all.get(key) : undefined),
    put: (key, value, expiresAtMs) => {
      all.set(key, value);
      expiries.set(key, expiresAtMs);
    },
  };
}

/** A gateway whose waits are recorded and not waited, with short deadlines. */
export function modelsFor(settings: ModelSettings, change: Partial<ModelsOptions> = {}): { models: ModelGateway; waits: number[] } {
  const waits: number[] = [];
  const models = createModels({
    settings, facts: memoryFacts(), clock: systemClock, log: silentLog, tokensSince: () => 0,
    random: () => 0.5, wait: async (ms) => void waits.push(ms), ...change,
  });
  return { models, waits };
}

/** A context that keeps what it is told. */
export function recordingContext(change: Partial<CallContext> = {}): CallContext & { rows: LedgerRow[]; notices: string[] } {
  const rows: LedgerRow[] = [];
  const notices: string[] = [];
  return {
    sessionId: 's1', turnId: 'trn_1', manifest: {}, promptHash: 'h', estimatedInputTokens: 10,
    onAttempt: (row) => void rows.push(row), onNotice: (code) => void notices.push(code), rows, notices, ...change,
  };
}

/** A small companion call. */
export function replyRequest(change: Partial<ModelRequest> = {}): ModelRequest {
  return {
    agent: 'CA', purpose: 'reply', maxOutputTokens: 3000,
    messages: [{ role: 'system', content: 'You are a tutor.' }, { role: 'user', content: 'hi' }], ...change,
  };
}

/** Reads a stream to its end and keeps what came before an error. */
export async function drain(parts: AsyncIterable<ModelPart>): Promise<{ text: string; parts: ModelPart[]; error: unknown }> {
  const seen: ModelPart[] = [];
  let text = '';
  try {
    for await (const part of parts) {
      seen.push(part);
      if (part.type === 'text') text += part.text;
    }
    return { text, parts: seen, error: null };
  } catch (error) {
    return { text, parts: seen, error };
  }
}
