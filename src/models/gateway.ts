import type { Clock, EndpointSettings, Log, ModelSettings } from '../config/index.ts';
import type { ModelPurpose } from '../contracts/index.ts';
import type { ModelAdapter } from './adapter-port.ts';
import type { Budget } from './budget.ts';
import { limitsFor } from './call-limits.ts';
import { CallRun } from './call-run.ts';
import { DEFAULT_WINDOW_TOKENS, windowOfModel } from './capability-table.ts';
import { resolveRoute, type Endpoint, type Route } from './endpoint.ts';
import type { CallContext, CallLimits, CollectedReply, ModelGateway } from './gateway-contract.ts';
import type { LearntFacts } from './learnt-facts.ts';
import { ModelError, type ModelPart, type ModelPort, type ModelRequest } from './port.ts';
import { streamOffline } from './stream-offline.ts';

/** What the gateway is made of. */
export interface GatewayParts {
  settings: ModelSettings;
  clock: Clock;
  log: Log;
  budget: Budget;
  learnt: LearntFacts;
  offline: ModelPort;
  loadAdapter(): Promise<ModelAdapter>;
  limits: Partial<Record<ModelPurpose, Partial<CallLimits>>>;
  backoff: { baseMs: number; capMs: number };
  /** 0 ≤ x < 1. */
  random(): number;
  /** Rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

type Caller = Pick<ModelRequest, 'agent' | 'purpose'>;

/** Routes calls to endpoints and lets `CallRun` perform them. */
export function createGateway(parts: GatewayParts): ModelGateway {
  const routeOf = (caller: Caller): Route => resolveRoute(settingsFor(parts.settings, caller));
  const endpointOf = (caller: Caller): Endpoint | null => {
    const route = routeOf(caller);
    return route.kind === 'endpoint' ? route.endpoint : null;
  };
  const open = (request: ModelRequest, context: CallContext, signal: AbortSignal): CallRun | 'offline' => {
    const route = routeOf(request);
    if (route.kind === 'offline') return 'offline';
    if (route.kind === 'incomplete') throw new ModelError('not_configured', `${route.setting}: ${route.detail}`, { setting: route.setting });
    return new CallRun(parts, { request, context, signal, endpoint: route.endpoint, limits: withinAttempts(limitsFor(request, parts.limits), context) });
  };
  const offline = (request: ModelRequest, context: CallContext, signal: AbortSignal): AsyncGenerator<ModelPart> =>
    streamOffline(request, context, { tutor: parts.offline, clock: parts.clock, signal });

  return {
    async *stream(request, context, signal) {
      const opened = open(request, context, signal);
      if (opened === 'offline') return yield* offline(request, context, signal);
      using run = opened;
      yield* streamLive(run);
    },
    async collect(request, context, signal) {
      const opened = open(request, context, signal);
      if (opened === 'offline') return await gather(offline(request, context, signal));
      using run = opened;
      return await collectWhole(run);
    },
    windowFor: (agent, purpose) => {
      const endpoint = endpointOf({ agent, purpose });
      if (endpoint === null) return parts.settings.contextTokens ?? DEFAULT_WINDOW_TOKENS;
      const expected = parts.settings.contextTokens ?? windowOfModel(endpoint.model);
      return Math.min(expected, parts.learnt.window(endpoint) ?? expected);
    },
    estimateFactorFor: (agent, purpose) => {
      const endpoint = endpointOf({ agent, purpose });
      return endpoint === null ? 1 : parts.learnt.factor(endpoint);
    },
    supportsTools: (agent, purpose) => {
      const endpoint = endpointOf({ agent, purpose });
      return endpoint === null || !parts.learnt.lacksTools(endpoint);
    },
    describe: () => describe(parts.settings),
    warmUp: async () => {
      if (describe(parts.settings).mode === 'offline') return;
      // Touching it loads the fetch of Node, 60 ms that the first learner would wait for.
      void globalThis.Response;
      await parts.loadAdapter().catch(() => undefined); // The first call tells what is wrong.
    },
    isOffline: (agent) => routeOf({ agent, purpose: 'reply' }).kind === 'offline',
  };
}

function withinAttempts(limits: CallLimits, { attemptsLeft = limits.attempts }: CallContext): CallLimits {
  return { ...limits, attempts: Math.max(1, Math.min(limits.attempts, attemptsLeft)) };
}

async function* streamLive(run: CallRun): AsyncGenerator<ModelPart> {
  for (;;) {
    let isVisible = false;
    const attempt = await run.next(true);
    try {
      for await (const part of attempt.run()) {
        isVisible ||= part.type === 'text';
        yield part;
      }
      return;
    } catch (error) {
      await run.recover(error, isVisible);
    }
  }
}

async function collectWhole(run: CallRun): Promise<CollectedReply> {
  for (;;) {
    const attempt = await run.next(false);
    try {
      return await gather(attempt.run());
    } catch (error) {
      await run.recover(error, false);
    }
  }
}

async function gather(parts: AsyncIterable<ModelPart>): Promise<CollectedReply> {
  const reply: CollectedReply = { text: '', toolCalls: [], reason: 'other', usage: { input_tokens: 0, output_tokens: 0 }, estimated: true };
  for await (const part of parts) {
    if (part.type === 'text') reply.text += part.text;
    else if (part.type === 'tool_call') reply.toolCalls.push(part.call);
    else if (part.type === 'finish') Object.assign(reply, { reason: part.reason, usage: part.usage, estimated: part.estimated });
  }
  return reply;
}

// A repair goes to the small model where one is set up, else to the model that made the mistake.
function settingsFor(settings: ModelSettings, { agent, purpose }: Caller): EndpointSettings {
  const own = settings.endpoints[agent];
  const small = settings.endpoints.SMALL;
  return purpose === 'repair' && resolveRoute(small).kind !== 'offline' ? small : own;
}

function describe(settings: ModelSettings): ReturnType<ModelGateway['describe']> {
  const own = settings.endpoints.CA;
  const route = resolveRoute(own);
  if (route.kind === 'offline') return { mode: 'offline', provider: null, model: null, missing: null };
  return { mode: 'provider', provider: own.provider, model: own.model, missing: route.kind === 'incomplete' ? route.setting : null };
}
