// What this machine can do, which guards hold in each lane, and how the service fares.
import { button, byId, errorCallout, fill, formatBytes, formatTime, h } from './dom.js';

const LANES = { user: 'Learner code', expert: 'Expert code', notebook: 'Notebook' };
const STATE_MARKS = { enforced: '●', partial: '◐', absent: '○' };
const label = (name) => name.replaceAll('_', ' ');

/** Draws the panel from fresh answers. */
export async function drawDiagnostics({ api, onRefresh }) {
  const panel = byId('panel-diagnostics');
  try {
    const [capabilities, diagnostics] = await Promise.all([api.get('/api/capabilities'), api.get('/api/diagnostics')]);
    fill(panel, h('div', { class: 'row' }, h('h2', { class: 'grow' }, 'This machine'), button('Refresh', onRefresh, { class: 'quiet' })),
      machineFacts(capabilities), lanesTable(capabilities.lanes), laneNotes(capabilities.lanes), experts(capabilities.experts),
      checks(diagnostics), serviceFacts(diagnostics), problems(diagnostics), recentErrors(diagnostics.recent_errors),
      h('details', { class: 'card' }, h('summary', {}, 'Limits and features'),
        h('p', { class: 'small' }, capabilities.features.join(', ')), facts(Object.entries(capabilities.limits).map(([name, value]) => [label(name), value.toLocaleString()]))));
  } catch (error) {
    fill(panel, errorCallout(error, ' ', button('Try again', onRefresh, { class: 'quiet' })));
  }
}

const facts = (pairs) => h('dl', { class: 'facts' }, pairs.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));

/** How the model is named on the page. */
export const modelName = ({ mode, provider, model }) => (mode === 'offline' ? 'offline tutor' : [provider, model].filter((part) => part !== null).join(' / '));

function machineFacts({ platform, arch, versions, python, model, auth_mode: authMode }) {
  return facts([
    ['System', `${platform} ${arch}`], ['Sidecar', versions.sidecar], ['Node', versions.node],
    ['Python', python.available ? (versions.python ?? 'available') : `none: ${python.reason ?? 'not found'}`],
    ['Model', modelName(model)], ['Authentication', authMode],
  ]);
}

function lanesTable(lanes) {
  const names = Object.keys(lanes);
  const guards = Object.keys(lanes[names[0]]?.guards ?? {});
  const cell = (lane, guard) => {
    const { state, reason } = lanes[lane].guards[guard];
    return h('td', { class: `guard ${state}`, title: reason }, h('span', { 'aria-hidden': 'true' }, `${STATE_MARKS[state] ?? '?'} `), state);
  };
  return h('div', {}, h('h2', {}, 'Guards per lane'), h('div', { class: 'scroll-x' }, h('table', {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Guard'), names.map((lane) => h('th', { scope: 'col' }, LANES[lane] ?? lane)))),
    h('tbody', {},
      h('tr', {}, h('th', { scope: 'row' }, 'runs code'), names.map((lane) => h('td', { class: `guard ${lanes[lane].available ? 'enforced' : 'absent'}` }, lanes[lane].available ? 'yes' : 'no'))),
      guards.map((guard) => h('tr', {}, h('th', { scope: 'row' }, label(guard)), names.map((lane) => cell(lane, guard))))))));
}

/** Reasons, said once each. */
function laneNotes(lanes) {
  const notes = new Map();
  const add = (text, where) => {
    if (typeof text !== 'string' || text === '') return;
    notes.set(text, [...(notes.get(text) ?? []), where]);
  };
  for (const [lane, report] of Object.entries(lanes)) {
    add(report.reason, LANES[lane] ?? lane);
    for (const [guard, { reason }] of Object.entries(report.guards)) if (reason !== report.reason) add(reason, `${LANES[lane] ?? lane}, ${label(guard)}`);
    for (const warning of report.warnings ?? []) add(warning, LANES[lane] ?? lane);
  }
  return notes.size === 0 ? null : h('ul', { class: 'small' }, [...notes].map(([text, where]) => h('li', {}, text, h('span', { class: 'muted' }, ` (${where.join('; ')})`))));
}

function experts(list) {
  return h('div', {}, h('h2', {}, 'Experts'), list.length === 0 ? h('p', { class: 'muted small' }, 'No expert is offered.')
    : h('ul', { class: 'small' }, list.map((expert) => h('li', {}, h('strong', {}, expert.title ?? expert.expert_id), expert.problem === undefined || expert.problem === null ? '' : ` ${expert.problem}`))));
}

const checks = (diagnostics) => h('div', {}, h('h2', {}, 'Checks'), h('ul', { class: 'checks plain' }, diagnostics.checks.map(({ name, ok, detail }) =>
  h('li', {}, h('span', { class: `chip ${ok ? 'good' : 'bad'}` }, ok ? 'ok' : 'look'), ` ${label(name)}`, detail === '' ? null : h('span', { class: 'muted small' }, ` ${detail}`)))));

function serviceFacts({ started_at: startedAt, sync, children, memory, event_loop_delay_ms: delay }) {
  const lanes = Object.entries(children.by_lane).map(([lane, count]) => `${lane} ${count}`).join(', ');
  return facts([
    ['Running since', formatTime(startedAt)], ['Memory', formatBytes(memory.rss_bytes)], ['Longest event-loop wait', `${delay} ms`],
    ['Child processes', lanes === '' ? String(children.live) : `${children.live} (${lanes})`],
    ['Waiting for sync', sync.paused_reason === null ? String(sync.pending) : `${sync.pending}, paused: ${sync.paused_reason}`], ['Undeliverable', String(sync.dead_letters)],
  ]);
}

function problems({ imports, content }) {
  const rows = [...content.map(({ chapter_id: id, problem }) => [id, problem]), ...imports.map(({ session_id: id, problem }) => [id, problem])];
  return rows.length === 0 ? null : h('div', {}, h('h2', {}, 'Problems'), h('ul', { class: 'small' }, rows.map(([id, problem]) => h('li', {}, h('strong', {}, id), ` ${problem}`))));
}

function recentErrors(errors) {
  if (errors.length === 0) return h('p', { class: 'muted small' }, 'No recent errors.');
  return h('details', { class: 'card' }, h('summary', {}, `Recent errors (${errors.length})`), h('ul', { class: 'small' },
    errors.toReversed().map(({ at, code, request_id: id }) => h('li', {}, `${formatTime(at)} `, h('code', { class: 'code-tag' }, code), h('span', { class: 'muted' }, ` ${id}`)))));
}
