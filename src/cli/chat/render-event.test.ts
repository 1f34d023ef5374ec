import { expect, it } from 'vitest';
import type { NormalisedEvent } from '../../client/index.ts';
import { renderEvent } from './render-event.ts';

const consultation = { type: 'consultation_error', expert_id: 'data_inspector', error: 'x', code: 'DEADLINE', consultation_id: 'c' } as const;

it.each<[NormalisedEvent, ReturnType<typeof renderEvent>]>([
  [{ type: 'companion_chunk', content: 'a' }, { text: 'a' }],
  [{ type: 'companion_complete' }, { text: '\n\n' }],
  [{ type: 'companion_complete', interrupted: true }, { text: ' […]\n\n' }],
  [{ type: 'llm_error', error: 'no key', code: 'LLM_AUTH', retryable: false }, { remark: 'no key (LLM_AUTH)' }],
  [{ type: 'error', message: 'gone', code: 'SESSION_NOT_FOUND' }, { remark: 'gone (SESSION_NOT_FOUND)' }],
  [{ type: 'expert_consultation', phase: 'error', payload: consultation }, { remark: 'data_inspector could not help' }],
  [{ type: 'turn_phase', phase: 'thinking' }, { remark: 'thinking …' }],
  [{ type: 'turn_phase', phase: 'recording' }, { remark: 'recording …' }],
  [{ type: 'turn_phase', phase: 'remembering' }, null],
  [{ type: 'done', turnIndex: 1 }, null],
])('shows %j', (event, expected) => {
  expect(renderEvent(event)).toEqual(expected);
});
