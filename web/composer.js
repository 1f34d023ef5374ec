// The controls around the message field.
import { byId } from './dom.js';

const SENDING_HINT = 'Enter sends, Shift+Enter makes a new line';
const LEFT_TOLD_FROM = 500;

/** Enables what can be done now: with no session nothing, while a turn runs only Stop, after the end nothing but reading. */
export function updateComposer(session, field) {
  const isOpen = session !== null && !session.isEnded;
  const isBusy = session !== null && session.current !== null;
  const left = (session?.maxLength ?? 0) - Array.from(field.value).length;
  field.disabled = !isOpen;
  field.placeholder = isOpen ? 'Write to the companion…' : session === null ? 'Start a session first' : 'This session has ended';
  byId('send').disabled = !isOpen || field.value.trim() === '' || left < 0;
  byId('send').hidden = isBusy;
  byId('stop').hidden = !isBusy;
  byId('skip-task').disabled = !isOpen || isBusy;
  byId('end-session').hidden = !isOpen;
  byId('end-session').disabled = isBusy;
  byId('composer-hint').textContent = isOpen && left < LEFT_TOLD_FROM ? `${left} characters left` : SENDING_HINT;
}
