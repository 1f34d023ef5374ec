// The progress page, the reports of experts, the final report, and the tokens that were used.
import { sessionPath } from './api.js';
import { button, byId, errorCallout, fill, formatTime, fromTree, h } from './dom.js';
import { parseMarkdown } from './markdown.js';
import { AGENTS } from './turn.js';

const markdown = (text) => h('div', { class: 'prose' }, fromTree(parseMarkdown(text)));

/** The report panel of one session at a time. */
export function createReportPanel({ api, showTab }) {
  const panel = byId('panel-report');
  const final = h('div');
  const dynamic = h('div');
  const experts = h('div');
  fill(panel, final, h('h2', { class: 'visually-hidden' }, 'Progress'), dynamic, experts);
  let sessionId = null;

  const drawExperts = (reports) => {
    fill(experts, reports.length === 0 ? null : [h('h2', {}, 'Expert reports'), reports.map((report) => h('details', {
      class: 'card', id: `expert-${report.report_id}`, ontoggle: (event) => { if (event.target.open) void openReport(event.target, report.report_id); },
    },
    h('summary', {}, h('strong', {}, report.title), h('span', { class: 'muted small' }, ` ${report.expert_id}, turn ${report.user_turn_index + 1}, ${formatTime(report.created_at)}`)),
    h('p', {}, report.summary), h('div', { class: 'expert-body' })))]);
  };
  const openReport = async (element, reportId) => {
    const body = element.querySelector('.expert-body');
    if (body.childElementCount > 0) return;
    try {
      const report = await api.get(sessionPath(sessionId, `/expert-reports/${reportId}`));
      fill(body, markdown(report.markdown));
    } catch (error) {
      fill(body, errorCallout(error));
    }
  };
  return {
    async refresh(id) {
      if (id !== sessionId) fill(final);
      sessionId = id;
      try {
        const [{ report }, { reports }] = await Promise.all([api.get(sessionPath(id, '/dynamic_report')), api.get(sessionPath(id, '/expert-reports'))]);
        if (id !== sessionId) return;
        fill(dynamic, report === '' ? h('p', { class: 'empty muted' }, 'The report appears after the first answer.') : markdown(report));
        drawExperts(reports);
      } catch (error) {
        fill(dynamic, errorCallout(error));
      }
    },
    showFinal(answer) {
      const by = answer.generated_by === 'model' ? 'written by the model' : 'put together from the record';
      fill(final, h('section', { class: 'card final' }, h('h2', {}, 'Final report'), h('p', { class: 'muted small' }, `${answer.turn_index} ${answer.turn_index === 1 ? 'turn' : 'turns'}, ${by}`), markdown(answer.final_report)));
      showTab('report');
    },
    openExpert(reportId) {
      showTab('report');
      const element = document.getElementById(`expert-${reportId}`);
      if (element === null) return;
      element.open = true;
      element.scrollIntoView({ block: 'start' });
    },
    idle() {
      sessionId = null;
      fill(final);
      fill(experts);
      fill(dynamic, h('p', { class: 'empty muted' }, 'Open a session to see its report.'));
    },
  };
}

const COLUMNS = [['calls', 'Calls'], ['input_tokens', 'In'], ['output_tokens', 'Out'], ['cached_tokens', 'Cached']];

/** Shows the tokens of a session, per agent and per turn. */
export async function drawUsage({ api, sessionId, onRefresh }) {
  const panel = byId('panel-usage');
  try {
    const { turns, totals, unattributed } = await api.get(sessionPath(sessionId, '/usage'));
    fill(panel,
      h('div', { class: 'row' }, h('h2', { class: 'grow' }, 'Tokens by agent'), button('Refresh', onRefresh, { class: 'quiet' })),
      usageTable(Object.entries(totals), 'Agent', (agent) => AGENTS[agent] ?? agent),
      h('p', { class: 'muted small' }, `Stopped and failed turns: ${unattributed.calls} calls, ${unattributed.input_tokens} in, ${unattributed.output_tokens} out. A figure marked ≈ is an estimate.`),
      h('h2', {}, 'By turn'),
      turns.length === 0 ? h('p', { class: 'empty muted' }, 'No turn yet.') : turnBars(turns));
  } catch (error) {
    fill(panel, errorCallout(error));
  }
}

function usageTable(rows, heading, nameOf) {
  const sum = (field) => rows.reduce((total, [, usage]) => total + (usage[field] ?? 0), 0);
  const cell = (usage, field) => h('td', { class: 'number' }, `${usage.estimated && field !== 'calls' ? '≈ ' : ''}${(usage[field] ?? 0).toLocaleString()}`);
  return h('div', { class: 'scroll-x' }, h('table', {},
    h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, heading), COLUMNS.map(([, label]) => h('th', { scope: 'col', class: 'number' }, label)))),
    h('tbody', {}, rows.map(([agent, usage]) => h('tr', {}, h('th', { scope: 'row' }, nameOf(agent)), COLUMNS.map(([field]) => cell(usage, field))))),
    h('tfoot', {}, h('tr', {}, h('th', { scope: 'row' }, 'All'), COLUMNS.map(([field]) => h('td', { class: 'number' }, sum(field).toLocaleString()))))));
}

function turnBars(turns) {
  const totalOf = ({ agents }) => Object.values(agents).reduce((sum, usage) => sum + usage.input_tokens + usage.output_tokens, 0);
  const highest = Math.max(1, ...turns.map(totalOf));
  return h('ol', { class: 'bars plain' }, turns.map((turn) => {
    const parts = Object.entries(turn.agents);
    const text = parts.map(([agent, usage]) => `${AGENTS[agent] ?? agent} ${usage.input_tokens + usage.output_tokens}`).join(', ');
    const bar = h('span', { class: 'bar', 'aria-hidden': 'true' }, parts.map(([agent, usage]) => {
      const part = h('span', { class: `agent-${agent}` });
      part.style.width = `${((usage.input_tokens + usage.output_tokens) / highest) * 100}%`;
      return part;
    }));
    return h('li', {}, h('span', { class: 'small muted' }, `Turn ${turn.turn_index + 1}`), bar, h('span', { class: 'small' }, text));
  }));
}
