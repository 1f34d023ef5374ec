// One cell of the notebook: its text, its outputs, a question of running code, and completions.
import { button, codeField, errorCallout, fill, fromTree, h } from './dom.js';
import { parseMarkdown } from './markdown.js';
import { drawOutput } from './outputs.js';

const MAX_MATCHES = 12;

/** The view of a cell; `update` shows what the cell holds now. */
export function drawCell(cell, { onRun, onRemove, onMove, complete, answerInput }) {
  const isCode = cell.cellType === 'code';
  const count = h('span', { class: 'count muted small', 'aria-hidden': 'true' });
  const outputs = h('div', { class: 'outputs', 'aria-live': 'polite' });
  const side = h('div');
  const rows = () => Math.min(24, Math.max(2, cell.source.split('\n').length));
  const area = codeField({
    label: isCode ? 'Code of the cell' : 'Text of the cell', value: cell.source, rows: rows(), onrun: isCode ? onRun : undefined,
    oninput: () => { cell.source = area.value; area.rows = rows(); if (!isCode) update(); },
  });
  area.addEventListener('keydown', (event) => {
    if (!isCode || event.key !== ' ' || !event.ctrlKey) return;
    event.preventDefault();
    void showMatches({ area, side, complete });
  });
  const run = isCode ? button('Run', onRun, { class: 'small' }) : null;

  // An output keeps its element while more arrive, so that frames and figures are not loaded again.
  const drawn = new WeakMap();
  const drawOnce = (output) => {
    if (!drawn.has(output)) drawn.set(output, drawOutput(output));
    return drawn.get(output);
  };
  function update() {
    if (isCode) {
      count.textContent = cell.isRunning ? '[*]' : cell.count === null ? '[ ]' : `[${cell.count}]`;
      run.disabled = cell.isRunning;
      if (!cell.isRunning) fill(side);
      fill(outputs, cell.outputs.map(drawOnce));
    } else fill(outputs, h('div', { class: 'prose' }, fromTree(parseMarkdown(cell.source))));
  }
  update();
  const element = h('li', { class: 'cell' },
    h('div', { class: 'row cell-head' }, count, h('span', { class: 'grow muted small' }, isCode ? 'Code' : 'Text'), run,
      button('↑', () => onMove(-1), { class: 'quiet small', 'aria-label': 'Move up' }), button('↓', () => onMove(1), { class: 'quiet small', 'aria-label': 'Move down' }),
      button('×', onRemove, { class: 'quiet small', 'aria-label': 'Remove the cell' })),
    area, side, outputs);
  return { element, update, focus: () => area.focus(), askInput: (event) => askInput({ event, side, answerInput }) };
}

/** Offers the field that `input()` waits for. */
function askInput({ event, side, answerInput }) {
  const field = h('input', { type: event.password ? 'password' : 'text', autocomplete: 'off', 'aria-label': event.prompt || 'Input for the program' });
  fill(side, h('form', {
    class: 'row ask-input',
    onsubmit: (submitted) => {
      submitted.preventDefault();
      answerInput(event.request_id, field.value).then(() => fill(side), (error) => fill(side, errorCallout(error)));
    },
  }, h('span', { class: 'mono' }, event.prompt), field, h('button', { type: 'submit', class: 'primary small' }, 'Enter')));
  field.focus();
}

async function showMatches({ area, side, complete }) {
  const text = area.value;
  // The server counts code points, the field counts UTF-16 units.
  const cursor = Array.from(text.slice(0, area.selectionStart)).length;
  try {
    const { matches, cursor_start: start, cursor_end: end } = await complete(text, cursor);
    const points = [...text];
    const insert = (match) => {
      area.value = [...points.slice(0, start), match, ...points.slice(end)].join('');
      const caret = points.slice(0, start).join('').length + match.length;
      area.dispatchEvent(new Event('input'));
      fill(side);
      area.focus();
      area.setSelectionRange(caret, caret);
    };
    fill(side, matches.length === 0 ? h('p', { class: 'muted small' }, 'No completion.')
      : h('div', { class: 'row wrap matches', role: 'group', 'aria-label': 'Completions' }, matches.slice(0, MAX_MATCHES).map((match) => button(match, () => insert(match), { class: 'quiet small mono' }))));
    side.querySelector('button')?.focus();
  } catch (error) {
    fill(side, errorCallout(error));
  }
}
