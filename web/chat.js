// The conversation: sending, streaming, stopping, skipping and ending. Frames come from two streams, the answer of the send and the
// session's event stream; the gate lets each through once, so a lost connection in the middle of an answer changes nothing.
import { sessionPath } from './api.js';
import { updateComposer } from './composer.js';
import { deliver, skipTask } from './delivery.js';
import { ask, button, byId, callout, errorCallout, fill, h } from './dom.js';
import { createTurnView, phaseName } from './turn.js';

const GREETING = '[系统：the learner has just opened this chapter]';
const SKIPPED = '[TASK_SKIPPED]';
const UNKNOWN_TEXT = '…';
const NEAR_END_PX = 120;
const TERMINAL = new Set(['complete', 'cancelled', 'llm_error', 'error']);

/** The conversation of the open session. `hooks`: onSettled, onStateChange, onReset, onReport(id), onEnded(answer?). */
export class Chat {
  #api;
  #hooks;
  #session = null;
  #log = byId('log');
  #banner = byId('banner');
  #status = byId('turn-status');
  #field = byId('composer-text');

  constructor({ api, hooks }) {
    this.#api = api;
    this.#hooks = hooks;
    byId('composer').addEventListener('submit', (event) => { event.preventDefault(); this.#submit(); });
    byId('stop').addEventListener('click', () => void this.#stop());
    byId('skip-task').addEventListener('click', () => void this.skip());
    byId('end-session').addEventListener('click', () => void this.#end());
    this.#field.addEventListener('input', () => this.#updateControls());
    this.#field.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#submit();
    });
  }

  /** Takes a session; events wait until `load` has shown its history. */
  open({ id, gate, signal }) {
    this.#session = { id, gate, signal, queue: [], current: null, isStarted: false, isStale: false, told: new Set(), turnCount: 0, isEnded: false, maxLength: 10_000 };
    fill(this.#log, h('p', { class: 'empty muted' }, 'Opening…'));
    fill(this.#banner);
    this.#status.textContent = '';
    this.#updateControls();
  }

  close() {
    this.#session = null;
    fill(this.#banner);
    this.#status.textContent = '';
    this.#updateControls();
  }

  load({ turns, state, isBusy }) {
    const session = this.#session;
    fill(this.#log);
    Object.assign(session, { current: null, turnCount: turns.length, isEnded: state.end_confirmed, maxLength: state.constraints.max_input_length });
    this.#log.lang = state.ext?.language ?? '';
    for (const turn of turns) {
      const view = this.#place(turn.kind, turn.user_message);
      view.setAnswer(turn.companion_response);
      view.showUsage(turn.token_usage);
    }
    const waiting = session.queue ?? [];
    session.queue = null;
    for (const event of waiting) this.onEvent(event);
    if (state.end_suggested && !session.isEnded) this.#suggestEnd();
    this.#updateControls();
    this.#scrollToEnd();
    if (turns.length === 0 && !isBusy && session.current === null && !session.isEnded) void this.#send('greeting', GREETING);
  }

  /** Takes one event of the session, in the order of the stream. */
  onEvent(event) {
    const session = this.#session;
    if (session === null) return;
    if (session.queue !== null) {
      session.queue.push(event);
      return;
    }
    const wasNearEnd = this.#log.scrollHeight - this.#log.scrollTop - this.#log.clientHeight < NEAR_END_PX;
    if (event.type === 'start') this.#begin(event);
    else if (event.type === 'session_end_suggested' && !session.isStale) this.#suggestEnd();
    else if (session.current === null || session.isStale) this.#onSessionEvent(event);
    else this.#onTurnEvent(session.current, event);
    if (session.current !== null && !session.isStale && TERMINAL.has(event.type)) this.#settle(event);
    if (wasNearEnd) requestAnimationFrame(() => this.#scrollToEnd());
  }

  /** Puts text into the message field, below what stands there. */
  suggest(text) {
    this.#field.value = this.#field.value === '' ? text : `${this.#field.value}\n\n${text}`;
    this.#field.focus();
    this.#updateControls();
  }

  showBanner(...content) {
    fill(this.#banner, ...content);
  }

  async skip(taskId) {
    const session = this.#session;
    const answer = await this.#guarded(() => skipTask({ api: this.#api, session, taskId }));
    if (answer === undefined || answer === null || session !== this.#session) return;
    this.#hooks.onStateChange();
    if (answer.skipped_task_id === '') this.showBanner(callout('good', 'There is no open task left.'));
    else if (!answer.needs_reason) await this.#send('task_skipped', SKIPPED);
  }

  #begin(event) {
    const session = this.#session;
    session.isStale = event.turn_index < session.turnCount;
    if (session.isStale) return;
    session.current ??= this.#place(event.kind, UNKNOWN_TEXT);
    session.current.setLive(true);
    session.isStarted = true;
    this.#log.setAttribute('aria-busy', 'true');
    this.#updateControls();
  }

  #onTurnEvent(view, event) {
    const onRetry = view.kind === 'student' && view.text !== UNKNOWN_TEXT ? () => this.suggest(view.text) : undefined;
    if (event.type === 'turn_phase') this.#showPhase(view, event.phase);
    else if (event.type === 'companion_start') this.#showPhase(view, 'answering');
    else if (event.type === 'companion_chunk') view.append(event.content);
    else if (event.type === 'companion_complete' && event.interrupted === true) view.note('The answer was cut short.');
    else if (event.type.startsWith('consultation_')) view.consultation(event);
    else if (event.type === 'token_usage') view.usage(event);
    else if (event.type === 'notice') this.#note(view, event);
    else if (event.type === 'cancelled') view.fail({ message: 'Stopped. This message is not part of the conversation.', onRetry });
    else if (event.type === 'llm_error') view.fail({ message: event.error, code: event.code, onRetry: event.retryable ? onRetry : undefined });
    else if (event.type === 'error') view.fail({ message: event.message, code: event.code, onRetry });
  }

  #showPhase(view, phase) {
    view.phase(phase);
    this.#status.textContent = `${phaseName(phase)}…`;
  }

  /** A lasting condition is said once in a session, anything else where it happens. */
  #note(view, { code, message }) {
    const { told } = this.#session;
    if (code === 'offline_tutor' && told.has(code)) return;
    told.add(code);
    view.note(message, code);
  }

  #onSessionEvent(event) {
    if (event.type === 'stream_reset' || event.type === 'session_imported') this.#hooks.onReset();
    else if (event.type === 'report_updated' || event.type === 'task_skipped' || event.type === 'token_usage') this.#hooks.onStateChange();
    else if (event.type === 'session_ended' && !this.#session.isEnded) this.#hooks.onEnded();
    else if (event.type === 'server_shutdown') this.showBanner(callout('warn', 'The server is stopping.', ' Committed turns are safe.'));
  }

  #settle(event) {
    const session = this.#session;
    const view = session.current;
    if (event?.type === 'complete') session.turnCount = event.turn_index;
    session.current = null;
    view.setLive(false);
    view.endPhases();
    this.#log.setAttribute('aria-busy', 'false');
    this.#status.textContent = '';
    this.#updateControls();
    // A turn that another page sent: only the history knows what the learner wrote.
    if (view.kind === 'student' && view.text === UNKNOWN_TEXT) this.#hooks.onReset();
    else this.#hooks.onSettled();
  }

  async #send(kind, message) {
    const session = this.#session;
    const view = this.#place(kind, message);
    Object.assign(session, { current: view, isStarted: false });
    view.setLive(true);
    this.#updateControls();
    try {
      await deliver({
        api: this.#api, session, message, onEvent: (event) => this.onEvent(event),
        onRetry: () => { this.#status.textContent = 'The server does not answer. Trying again…'; },
      });
    } catch (error) {
      if (session !== this.#session || session.current !== view) return;
      view.fail({ message: error.message, code: error.code });
      if (kind === 'student') this.#field.value = message;
      this.#settle();
    }
  }

  async #stop() {
    byId('stop').disabled = true;
    this.#status.textContent = 'Stopping…';
    await this.#guarded(() => this.#api.post(sessionPath(this.#session.id, '/message/cancel')));
    byId('stop').disabled = false;
  }

  async #end() {
    const isSure = await ask({ title: 'End this session?', text: 'You get a final report. After that no more messages can be sent.', confirm: 'End session' });
    if (isSure === null) return;
    this.showBanner(callout('note', 'Writing the final report…'));
    const answer = await this.#guarded(() => this.#api.post(sessionPath(this.#session.id, '/end')));
    if (answer === undefined) return;
    this.#session.isEnded = true;
    this.#updateControls();
    this.#hooks.onEnded(answer);
  }

  /** Runs a call; shows its refusal above the messages and resolves with undefined then. */
  async #guarded(work) {
    try {
      const result = await work();
      fill(this.#banner);
      return result;
    } catch (error) {
      this.showBanner(errorCallout(error));
      return undefined;
    }
  }

  #submit() {
    const message = this.#field.value;
    const session = this.#session;
    if (message.trim() === '' || session === null || session.current !== null || session.isEnded || session.queue !== null) return;
    this.#field.value = '';
    void this.#send('student', message);
  }

  #suggestEnd() {
    this.showBanner(callout('good', 'Every required task is done.', ' ', button('End and read the final report', () => void this.#end(), { class: 'primary' })));
  }

  #place(kind, text) {
    const view = createTurnView({ kind, text, onReport: this.#hooks.onReport });
    this.#log.append(view.element);
    this.#scrollToEnd();
    return view;
  }

  #scrollToEnd() {
    this.#log.scrollTop = this.#log.scrollHeight;
  }

  #updateControls() {
    updateComposer(this.#session, this.#field);
  }
}
