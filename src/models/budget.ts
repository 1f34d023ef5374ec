import type { ModelSettings } from '../config/index.ts';
import type { Clock } from '../config/index.ts';
import { ModelError } from './port.ts';

const MAX_TURNS = 512;
const THE_BEGINNING = '1970-01-01T00:00:00.000Z';

/** Whose budget a call uses. */
export interface Spender { sessionId: string; turnId: string | null }

/** Token limits of turns, sessions and days. */
export interface Budget {
  /** Throws `ModelError('budget')` when these tokens would go beyond a limit. */
  check(spender: Spender, estimatedTokens: number): void;
  /** Counts what an attempt really took. */
  count(spender: Spender, tokens: number): void;
}

/** Counts turns itself; sessions and days come from the ledger. */
export function createBudget(
  settings: Pick<ModelSettings, 'turnTokenLimit' | 'sessionTokenLimit' | 'dayTokenLimit'>,
  source: { clock: Clock; tokensSince(at: string, sessionId?: string): number },
): Budget {
  const turns = new Map<string, number>(); // the oldest turn leaves when there are too many
  const refuse = (setting: string): never => {
    throw new ModelError('budget', `${setting} is reached`, { setting, usage: { input_tokens: 0, output_tokens: 0 } });
  };
  return {
    check: ({ sessionId, turnId }, estimatedTokens) => {
      const isOver = (used: number, limit: number): boolean => used >= limit || used + estimatedTokens > limit;
      if (turnId !== null && isOver(turns.get(turnId) ?? 0, settings.turnTokenLimit)) refuse('LLM_TURN_TOKEN_LIMIT');
      const { sessionTokenLimit, dayTokenLimit } = settings;
      if (sessionTokenLimit !== null && isOver(source.tokensSince(THE_BEGINNING, sessionId), sessionTokenLimit)) refuse('LLM_SESSION_TOKEN_LIMIT');
      if (dayTokenLimit !== null && isOver(source.tokensSince(startOfDay(source.clock.now())), dayTokenLimit)) refuse('LLM_DAY_TOKEN_LIMIT');
    },
    count: ({ turnId }, tokens) => {
      if (turnId === null) return;
      const used = (turns.get(turnId) ?? 0) + tokens;
      turns.delete(turnId);
      turns.set(turnId, used);
      const oldest = turns.keys().next();
      if (turns.size > MAX_TURNS && oldest.done === false) turns.delete(oldest.value);
    },
  };
}

function startOfDay(now: Date): string {
  return new Date(now.getFullYear(), now.getMonth(), now.getDate()).toISOString();
}
