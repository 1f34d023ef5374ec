import { LIMITS, SidecarError, codePointLength } from '../contracts/index.ts';
import type { MessageRequest } from '../contracts/index.ts';
import type { Subscription } from '../orchestration/index.ts';
import type { SessionsContext } from './session-context.ts';
import { isSessionId } from './session-lookup.ts';

const CLIENT_TURN_ID = /^[A-Za-z0-9_-]{1,64}$/;

/** Starts or joins a turn and follows it; null for an unknown session. The order of the checks is part of the contract. */
export function sendMessage(context: SessionsContext, sessionId: string, request: MessageRequest): Subscription | null {
  checkText(context, request.message);
  checkForm(request);
  if (context.isStopping()) throw new SidecarError('SHUTTING_DOWN', 'shutdown has begun', { retryAfterSeconds: 5 });
  if (!isSessionId(sessionId) || context.store.sessions.get(sessionId) === null) return null;
  // Asked before the turn starts: a reader that is refused afterwards would leave a turn that nobody wanted.
  context.hub.followTurn(sessionId, 'trn_none').close();
  const turn = context.engine.start(sessionId, { text: request.message, clientTurnId: request.client_turn_id ?? null });
  return context.hub.followTurn(sessionId, turn.turnId);
}

/** Throws MESSAGE_EMPTY or MESSAGE_TOO_LONG, which come before everything else that can be wrong with a request. */
export function checkText({ settings }: Pick<SessionsContext, 'settings'>, message: string): void {
  if (message.trim() === '') throw new SidecarError('MESSAGE_EMPTY', 'blank message');
  const limit = Math.min(LIMITS.message_chars, settings.maxInputLength);
  if (codePointLength(message) > limit) {
    throw new SidecarError('MESSAGE_TOO_LONG', `more than ${limit} code points`, {
      detail: { en: `at most ${limit} characters`, zh: `消息最多 ${limit} 个字符` },
    });
  }
}

function checkForm({ message, client_turn_id: clientTurnId }: MessageRequest): void {
  if (!message.isWellFormed()) throw new SidecarError('VALIDATION_FAILED', 'message: not well-formed', { detail: 'message: not well-formed text' });
  if (clientTurnId !== undefined && !CLIENT_TURN_ID.test(clientTurnId)) {
    throw new SidecarError('VALIDATION_FAILED', 'client_turn_id: pattern', { detail: 'client_turn_id: up to 64 letters, digits, _ and -' });
  }
}
