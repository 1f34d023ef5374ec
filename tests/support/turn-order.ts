import { expect } from 'vitest';
import type { SseEvent } from './sse-client.ts';

type Event = Readonly<Record<string, any>>;

const ANYWHERE: ReadonlySet<string> = new Set(['turn_phase', 'notice', 'consultation_progress', 'session_end_suggested']);
const SHORT: Readonly<Record<string, string>> = {
  companion_start: 'text', companion_chunk: 'chunk', consultation_start: 'ask', consultation_complete: 'answered', consultation_error: 'unanswered',
};

/** A turn's events in one line; what may stand anywhere is left out, and a run of equal words counts once. */
export function orderOf(events: readonly Event[]): string {
  const words = events.filter((event) => !ANYWHERE.has(String(event['type']))).map(wordFor);
  return words.filter((word, index) => word !== words[index - 1]).join(' ');
}

function wordFor(event: Event): string {
  switch (event['type']) {
    case 'token_usage': return `U(${event['agent']})`;
    case 'companion_complete': return event['interrupted'] === true ? 'cut' : 'done';
    case 'llm_error':
    case 'error': return `${event['type']}(${event['code']})`;
    default: return SHORT[String(event['type'])] ?? String(event['type']);
  }
}

const T = 'text chunk done';
const CUT = 'text (chunk )?cut';
const SPENT = '( U\\([A-Z]+\\))*';
const ASKED = 'ask( U\\(EXP\\))?( U\\(RMA\\))? answered';
const UNANSWERED = 'ask( U\\(EXP\\))? unanswered';
const BEFORE_TEXT = `start( U\\(RMA\\))?( (${ASKED}|${UNANSWERED}))?`;
const END = 'U\\(CA\\)( U\\(MA\\))? complete';

/** The legal orders of a turn, by case. */
export const ORDERS = {
  internal: `start ${T} U\\(CA\\) complete`,
  locked: `start ${T} ${END}`,
  unlocked: `start U\\(RMA\\) ${T} ${END}`,
  expert: `start U\\(RMA\\) ${ASKED} ${T} ${END}`,
  failingExpert: `start U\\(RMA\\) ${UNANSWERED} ${T} ${END}`,
  modelFailsBeforeText: `${BEFORE_TEXT}${SPENT} llm_error\\(LLM_[A-Z_]+\\)`,
  modelFailsInText: `${BEFORE_TEXT} ${CUT}${SPENT} llm_error\\(LLM_[A-Z_]+\\)`,
  deadline: `${BEFORE_TEXT}( ${CUT}| ${T})?${SPENT} llm_error\\(TURN_DEADLINE\\)`,
  stopped: `${BEFORE_TEXT}( ${CUT}| ${T})?${SPENT} error\\((INTERNAL|SHUTTING_DOWN)\\)`,
  commitRefused: `${BEFORE_TEXT} ${T} U\\(CA\\) error\\(STORAGE_(FAILED|FULL)\\)`,
  contentMissing: 'start error\\(CHAPTER_NOT_FOUND\\)',
  cancelledBeforeText: `start( U\\(RMA\\))?( (${ASKED}|ask( U\\([A-Z]+\\))* unanswered))?${SPENT} cancelled`,
  cancelledInText: `${BEFORE_TEXT} (${CUT}|${T})${SPENT} cancelled`,
  unknownSession: 'error\\(SESSION_NOT_FOUND\\)',
} as const;

export type Order = keyof typeof ORDERS;

/** Fails unless the events stand in the order of their case, pair up, and count their indexes as one turn does. */
export function expectOrder(events: readonly Event[], order: Order): void {
  expect(orderOf(events)).toMatch(new RegExp(`^${ORDERS[order]}$`));
  const count = (type: string): number => events.filter((event) => event['type'] === type).length;
  expect(count('companion_start')).toBe(count('companion_complete'));
  expect(count('companion_start')).toBeLessThanOrEqual(1);
  expect(count('consultation_start')).toBe(count('consultation_complete') + count('consultation_error'));
  const index = events.find((event) => event['type'] === 'start')?.['turn_index'];
  for (const event of events) {
    if (event['type'] === 'token_usage') expect(event['turn_index']).toBe(index);
    if (event['type'] === 'complete') expect(event['turn_index']).toBe(index + 1);
  }
}

/** The text that a learner has seen. */
export function textOf(events: readonly Event[]): string {
  return events.filter((event) => event['type'] === 'companion_chunk').map((event) => String(event['content'])).join('');
}

/** Codes of the notices, in order. */
export function noticesOf(events: readonly Event[]): string[] {
  return events.filter((event) => event['type'] === 'notice').map((event) => String(event['code']));
}

/** The events of frames. */
export function dataOf(frames: readonly SseEvent[]): Event[] {
  return frames.map((frame) => frame.data);
}

/** Tokens by agent as the events tell them. */
export function toldUsage(events: readonly Event[]): Record<string, { input_tokens: number; output_tokens: number }> {
  const told: Record<string, { input_tokens: number; output_tokens: number }> = {};
  for (const event of events) {
    if (event['type'] !== 'token_usage') continue;
    const tally = (told[event['agent']] ??= { input_tokens: 0, output_tokens: 0 });
    tally.input_tokens += event['input_tokens'];
    tally.output_tokens += event['output_tokens'];
  }
  return told;
}
