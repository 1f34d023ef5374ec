// The chapter's tasks with their states, and the evidence that was seen for each.
import { button, fill, h } from './dom.js';

const STATES = { not_started: 'to do', in_progress: 'under way', completed: 'done', skipped: 'skipped' };
const KINDS = { optional: 'optional', advanced: 'advanced', scaffolding: 'help' };

/** Shows the tasks of a state. `onSkip` gets a task's id; without it nothing can be skipped. */
export function drawTasks(container, state, onSkip) {
  const tasks = Object.entries(state.subtask_status).map(([id, task]) => ({
    id, ...task, ...(state.ext?.tasks[id] ?? { title: id, kind: 'core', required: true }), isCurrent: id === state.current_subtask_id,
  }));
  const needed = tasks.filter((task) => task.required);
  const settled = needed.filter((task) => task.status === 'completed' || task.status === 'skipped').length;
  fill(container,
    h('div', { class: 'progress' },
      h('progress', { max: Math.max(needed.length, 1), value: settled, 'aria-label': 'Required tasks' }),
      h('span', { class: 'muted small' }, `${settled} of ${needed.length} required`)),
    h('ol', { class: 'tasks plain' }, tasks.map((task) => drawTask(task, onSkip))));
}

function drawTask(task, onSkip) {
  const isOpen = task.status === 'not_started' || task.status === 'in_progress';
  const kind = KINDS[task.kind];
  const head = h('summary', {},
    h('span', { class: `state ${task.status}`, 'aria-hidden': 'true' }),
    h('span', { class: 'grow' }, task.title, kind === undefined ? null : h('span', { class: 'muted small' }, ` ${kind}`)),
    h('span', { class: 'muted small' }, STATES[task.status] ?? task.status));
  const evidence = task.evidence.length === 0
    ? h('p', { class: 'muted small' }, isOpen ? 'Nothing seen for this task yet.' : 'No evidence is noted.')
    : h('ul', { class: 'small' }, task.evidence.map((text) => h('li', {}, text)));
  const skip = isOpen && onSkip !== undefined ? button('Skip this task', () => onSkip(task.id), { class: 'quiet small' }) : null;
  return h('li', { class: task.isCurrent && isOpen ? 'current' : '', 'aria-current': task.isCurrent && isOpen ? 'step' : null },
    h('details', {}, head, evidence, skip));
}
