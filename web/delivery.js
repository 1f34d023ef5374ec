// Getting one message to the server, and one skip with its reason.
import { sessionPath } from './api.js';
import { ask } from './dom.js';

const SEND_TRIES = 4;
const RETRY_MS = 800;

/** Skip reasons as the contract spells them, and as the page says them. */
export const SKIP_REASONS = [
  { value: '已掌握', label: 'I know this already' }, { value: '不感兴趣', label: 'Not interested' }, { value: '太难了', label: 'Too hard' },
  { value: '太啰嗦', label: 'Too long-winded' }, { value: '其他', label: 'Another reason' },
];

/** Sends until the server has the message; the same `client_turn_id` makes a repeat harmless. Once the turn runs, a lost connection is no matter. */
export async function deliver({ api, session, message, onEvent, onRetry }) {
  const body = { message, client_turn_id: crypto.randomUUID() };
  for (let attempt = 1; ; attempt += 1) {
    try {
      await api.stream('POST', sessionPath(session.id, '/message/stream'), {
        body, signal: session.signal, onEvent: ({ id, event }) => { if (session.gate.admit(id, event.type)) onEvent(event); },
      });
      return;
    } catch (error) {
      if (session.signal.aborted || (session.isStarted && error.code === 'OFFLINE')) return;
      if (error.code !== 'OFFLINE' || attempt === SEND_TRIES) throw error;
      onRetry();
      await new Promise((resolve) => { setTimeout(resolve, attempt * RETRY_MS); });
    }
  }
}

/** Skips a task, asking why when the server wants to know. Resolves with its answer, or null when the person gave up. */
export async function skipTask({ api, session, taskId }) {
  const path = sessionPath(session.id, '/skip-task');
  const target = taskId === undefined ? {} : { subtask_id: taskId };
  const answer = await api.post(path, target);
  if (!answer.needs_reason) return answer;
  const why = await ask({
    title: `Why skip “${answer.skipped_task_title}”?`, confirm: 'Skip', fields: [
      { name: 'reason', label: 'Reason', options: SKIP_REASONS },
      { name: 'reason_text', label: 'In your own words (needed for “Another reason”)', maxlength: 200 },
    ],
  });
  if (why === null) return null;
  const text = why.reason_text.trim();
  return await api.post(path, { ...target, reason: why.reason, ...(text === '' ? {} : { reason_text: text }) });
}
