import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Clock, Log, ModelSettings } from '../config/index.ts';
import type { ModelPurpose } from '../contracts/index.ts';
import { loadSdkAdapter } from './adapters/index.ts';
import { createBudget } from './budget.ts';
import type { CallLimits, ModelGateway } from './gateway-contract.ts';
import { createGateway } from './gateway.ts';
import { createLearntFacts, type FactStore } from './learnt-facts.ts';
import { createOfflineTutor } from './offline/index.ts';

/** What the models need from the rest of the process. */
export interface ModelsOptions {
  settings: ModelSettings;
  facts: FactStore;
  clock: Clock;
  log: Log;
  /** Tokens in the ledger since a time, of one session or of all. */
  tokensSince(at: string, sessionId?: string): number;
  /** Told every key, so that it can be kept out of logs and answers. */
  onSecret?(value: string): void;
  /** Replaces single limits of a purpose. */
  limits?: Partial<Record<ModelPurpose, Partial<CallLimits>>>;
  backoff?: { baseMs: number; capMs: number };
  random?(): number;
  /** Waits between attempts; rejects when the signal aborts. */
  wait?(ms: number, signal: AbortSignal): Promise<void>;
}

const BACKOFF = { baseMs: 500, capMs: 8_000 };
const RANDOM_STEPS = 2 ** 30;

/** Wires the gateway over the adapters and the offline tutor. Loads no provider library before the first call. */
export function createModels(options: ModelsOptions): ModelGateway {
  const { settings, facts, clock, log } = options;
  for (const { apiKey } of Object.values(settings.endpoints)) if (apiKey !== null) options.onSecret?.(apiKey);
  if (Object.values(settings.endpoints).some(({ baseUrl }) => isPlainHttpElsewhere(baseUrl))) {
    log.warn({ setting: 'LLM_BASE_URL' }, 'a model is called over plain http on another machine');
  }
  let adapter: ReturnType<typeof loadSdkAdapter> | null = null;
  const loadAdapter = () => (adapter ??= loadSdkAdapter());
  return createGateway({
    settings, clock, log,
    budget: createBudget(settings, options),
    learnt: createLearntFacts(facts, () => clock.now().getTime()),
    offline: createOfflineTutor(),
    loadAdapter,
    limits: options.limits ?? {},
    backoff: options.backoff ?? BACKOFF,
    wait: options.wait ?? (async (ms, signal) => await delay(ms, undefined, { signal })),
    random: options.random ?? (() => randomInt(RANDOM_STEPS) / RANDOM_STEPS),
  });
}

function isPlainHttpElsewhere(baseUrl: string | null): boolean {
  if (baseUrl === null || !URL.canParse(baseUrl)) return false;
  const { protocol, hostname } = new URL(baseUrl);
  return protocol === 'http:' && !/^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname);
}
