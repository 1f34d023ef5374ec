// One turn on the page: what the learner said, what the companion answers, and how the turn got there.
import { button, errorCallout, fill, fromTree, h, sentence } from './dom.js';
import { parseMarkdown } from './markdown.js';

const PHASES = {
  thinking: 'Thinking', answering: 'Answering', planning: 'Planning', consulting: 'Asking an expert', integrating: 'Using the expert’s report',
  recording: 'Noting what happened', remembering: 'Updating the report',
};

/** What a phase is called on the page. */
export const phaseName = (phase) => PHASES[phase] ?? phase;

/** Names of the agents on the page. */
export const AGENTS = { CA: 'Companion', RMA: 'Roadmap', MA: 'Memo', EXP: 'Expert' };

const KIND_NOTES = { greeting: null, task_skipped: 'Task skipped' };

function learnerPart(kind, text) {
  if (kind === 'greeting') return null;
  if (kind === 'task_skipped') return h('p', { class: 'divider' }, h('span', {}, KIND_NOTES.task_skipped));
  return h('div', { class: 'message learner' }, h('span', { class: 'visually-hidden' }, 'You: '), h('div', { class: 'prose' }, fromTree(parseMarkdown(text))));
}

/** Tokens in one line; a tutor that needs none says nothing. */
function describeUsage(parts) {
  return parts.filter((part) => part.input_tokens + part.output_tokens > 0)
    .map((part) => `${AGENTS[part.agent] ?? part.agent} ${part.input_tokens} in, ${part.output_tokens} out${part.estimated ? ' (estimate)' : ''}`).join(' · ');
}

/** The view of one turn. `onReport` opens an expert's report. */
export function createTurnView({ kind, text, onReport }) {
  const steps = h('ol', { class: 'steps', 'aria-label': 'Steps of this turn', hidden: true });
  const consultations = h('div', { class: 'consultations' });
  const prose = h('div', { class: 'prose' });
  const notes = h('ul', { class: 'notes plain' });
  const usage = h('p', { class: 'usage-line muted small' });
  const bubble = h('div', { class: 'message companion' },
    h('span', { class: 'visually-hidden' }, 'Companion: '), steps, consultations, prose, notes, usage);
  const element = h('article', { class: 'turn' }, learnerPart(kind, text), bubble);
  const cards = new Map();
  const spent = [];
  const noted = new Set();
  let answer = '';
  let isScheduled = false;

  const draw = () => {
    isScheduled = false;
    fill(prose, fromTree(parseMarkdown(answer)));
  };
  return {
    element, kind, text,
    get hasAnswer() { return answer !== ''; },
    setAnswer(whole) {
      answer = whole;
      draw();
    },
    append(piece) {
      answer += piece;
      if (isScheduled) return;
      isScheduled = true;
      requestAnimationFrame(draw);
    },
    setLive(isLive) {
      bubble.classList.toggle('live', isLive);
      bubble.setAttribute('aria-busy', String(isLive));
      if (!isLive && answer !== '') draw();
    },
    phase(phase) {
      steps.hidden = false;
      if (steps.lastElementChild?.dataset.phase === phase) return;
      steps.lastElementChild?.removeAttribute('aria-current');
      steps.append(h('li', { 'data-phase': phase, 'aria-current': 'step' }, phaseName(phase)));
    },
    endPhases() { steps.lastElementChild?.removeAttribute('aria-current'); },
    consultation: (event) => drawConsultation({ event, cards, consultations, onReport }),
    note(message, code) {
      if (noted.has(message)) return;
      noted.add(message);
      notes.append(h('li', { title: code }, sentence(message)));
    },
    usage(event) {
      spent.push(event);
      usage.textContent = describeUsage(spent);
    },
    showUsage(byAgent = {}) {
      usage.textContent = describeUsage(Object.entries(byAgent).map(([agent, part]) => ({ agent, ...part })));
    },
    /** A turn that did not happen: nothing of it is in the history, so it looks set aside. */
    fail({ message, code, onRetry }) {
      element.classList.add('void');
      const again = onRetry === undefined ? null : button('Send again', onRetry, { class: 'quiet' });
      bubble.append(code === undefined ? h('p', { class: 'muted small outcome' }, message, ' ', again) : errorCallout({ message, code }, ' ', again));
    },
  };
}

function drawConsultation({ event, cards, consultations, onReport }) {
  if (event.type === 'consultation_start') {
    const state = h('span', { class: 'chip' }, 'working');
    const list = h('ol', { class: 'small muted' });
    const card = h('div', { class: 'card' }, h('div', { class: 'row' }, h('strong', { class: 'grow' }, event.title), state), list);
    cards.set(event.consultation_id, { state, list, card });
    consultations.append(card);
    return;
  }
  const card = cards.get(event.consultation_id);
  if (card === undefined) return;
  if (event.type === 'consultation_progress') card.list.append(h('li', {}, event.tool));
  if (event.type === 'consultation_error') {
    fill(card.state, 'failed');
    card.card.append(errorCallout({ message: event.error, code: event.code }));
  }
  if (event.type === 'consultation_complete') {
    fill(card.state, 'done');
    if (event.report_id !== undefined) card.card.append(button('Read the report', () => onReport(event.report_id), { class: 'quiet' }));
  }
}
