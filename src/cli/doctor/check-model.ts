import type { Config } from '../../config/index.ts';
import { createRedactor, silentLog, systemClock } from '../../config/index.ts';
import type { AgentCode } from '../../contracts/index.ts';
import { ModelError, createModels } from '../../models/index.ts';
import type { Check } from './check.ts';
import { fine, problem, warning } from './check.ts';

const AGENTS: readonly AgentCode[] = ['CA', 'RMA', 'MA', 'EXP'];
const ANSWER_MS = 20_000;
const REQUEST_TOKENS = 12;

/** Asks each configured model for one word. */
export async function checkModels({ models }: Config, signal: AbortSignal): Promise<Check[]> {
  const keys = AGENTS.map((agent) => JSON.stringify(models.endpoints[agent]));
  const checks: Check[] = [];
  for (const agent of AGENTS.filter((_agent, index) => keys.indexOf(keys[index] ?? '') === index)) checks.push(await checkModel(models, agent, signal));
  return checks;
}

async function checkModel(settings: Config['models'], agent: AgentCode, signal: AbortSignal): Promise<Check> {
  const redactor = createRedactor();
  const gateway = createModels({
    settings, clock: systemClock, log: silentLog, tokensSince: () => 0,
    facts: { get: () => undefined, put: () => undefined },
    onSecret: (value) => redactor.register(value),
    limits: { reply: { firstByteMs: ANSWER_MS, idleMs: ANSWER_MS, totalMs: ANSWER_MS, attempts: 1 } },
  });
  const { model } = settings.endpoints[agent];
  const name = agent === 'CA' ? 'model' : `model ${agent}`;
  if (gateway.isOffline(agent)) return warning(name, 'the built-in offline tutor answers', 'set LLM_PROVIDER, LLM_MODEL and LLM_API_KEY for a real model');
  const started = systemClock.monotonicMs();
  try {
    await gateway.collect(
      { agent, purpose: 'reply', messages: [{ role: 'user', content: 'Answer with the word OK.' }], maxOutputTokens: 64 },
      {
        sessionId: 'doctor', turnId: null, manifest: {}, promptHash: '', estimatedInputTokens: REQUEST_TOKENS,
        onAttempt: () => undefined, onNotice: () => undefined,
      }, signal);
    return fine(name, `${model ?? ''} answered in ${Math.round(systemClock.monotonicMs() - started)} ms`);
  } catch (error) {
    if (!(error instanceof ModelError)) throw error;
    // A model that spends its few tokens on thinking was reached all the same.
    if (error.kind === 'empty_reply' || error.kind === 'length') return fine(name, `${model ?? ''} was reached`);
    const fix = error.setting === null ? 'check the network and LLM_BASE_URL' : `check ${error.setting}`;
    return problem(name, redactor.redact(`${model ?? 'no model'}: ${error.kind}: ${error.message}`), fix);
  }
}
