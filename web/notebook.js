// A small notebook: cells on the session's kernel, saved as .ipynb in the workspace.
import { sessionPath } from './api.js';
import { drawCell } from './cell.js';
import { unavailableCallout } from './code.js';
import { ask, button, byId, errorCallout, fill, h } from './dom.js';
import { applyOutput, joined } from './outputs.js';

const DEFAULT_PATH = 'notebook.ipynb';
const newCell = (source = '', cellType = 'code') => ({ id: `c${crypto.randomUUID().slice(0, 8)}`, cellType, source, outputs: [], count: null, willClear: false, isRunning: false, metadata: {} });

/** The stored outputs; those that look as they streamed keep their identity, and so their place on the page. */
const settled = (streamed, stored = streamed) => stored.map((output, index) => (JSON.stringify(output) === JSON.stringify(streamed[index]) ? streamed[index] : output));

/** nbformat 4.5 of the cells. */
export function toNotebook(cells, base = {}) {
  return {
    ...base, nbformat: 4, nbformat_minor: 5, metadata: base.metadata ?? { kernelspec: { name: 'python3', display_name: 'Python 3', language: 'python' } },
    cells: cells.map(({ id, cellType, source, outputs, count, metadata }) => ({
      id, cell_type: cellType, metadata, source,
      ...(cellType === 'code' ? { execution_count: count, outputs: outputs.map(({ transient: _transient, ...output }) => output) } : {}),
    })),
  };
}

/** Cells of an nbformat notebook. */
export function fromNotebook(notebook) {
  return (notebook.cells ?? []).map((cell) => ({
    ...newCell(joined(cell.source), cell.cell_type), ...(cell.id === undefined ? {} : { id: cell.id }), outputs: cell.outputs ?? [],
    count: cell.execution_count ?? null, metadata: cell.metadata ?? {},
  }));
}

/** The notebook panel. `hooks`: onFiles(). */
export class NotebookPanel {
  #api;
  #hooks;
  #sessionId = null;
  #controller = new AbortController();
  #cells = [newCell()];
  #file = { path: DEFAULT_PATH, etag: null, base: {} };
  #views = new Map();
  #list = h('ol', { class: 'cells plain' });
  #message = h('div', { role: 'status' });
  #name = h('strong', { class: 'grow' }, DEFAULT_PATH);
  #kernel = h('span', { class: 'chip', role: 'status' }, 'no kernel');

  constructor({ api, hooks }) {
    this.#api = api;
    this.#hooks = hooks;
    const post = (path) => () => this.#sessionId !== null && void this.#guarded(async () => {
      await this.#api.post(this.#path(path));
      if (path === 'reset') for (const cell of this.#cells) this.#set(cell, { outputs: [], count: null });
      await this.#showStatus();
    });
    fill(byId('panel-notebook'),
      h('div', { class: 'row wrap' }, this.#name, this.#kernel, button('Save', () => void this.save(), { class: 'primary' }), button('Save as', () => void this.#saveAs(), { class: 'quiet' })),
      h('div', { class: 'row wrap' }, button('Run all', () => void this.#runAll()), button('Interrupt', post('interrupt'), { class: 'quiet' }),
        button('Restart', post('restart'), { class: 'quiet' }), button('Reset', post('reset'), { class: 'quiet', title: 'Restart, and clear outputs and counters' })),
      this.#message, this.#list,
      h('div', { class: 'row' }, button('Add code', () => this.#add('code'), { class: 'quiet' }), button('Add text', () => this.#add('markdown'), { class: 'quiet' })),
      h('p', { class: 'muted small' }, 'Shift+Enter or Ctrl+Enter runs a cell, Ctrl+Space completes a name.'));
  }

  async show(sessionId) {
    this.#controller.abort();
    this.#controller = new AbortController();
    this.#sessionId = sessionId;
    this.#take(DEFAULT_PATH, { cells: [newCell('import pandas as pd\npd.read_csv("weather_station.csv").describe()')], etag: null, base: {} });
    fill(this.#message);
    if (sessionId !== null) await this.checkKernel();
  }

  /** Asks for the kernel; says in words when there cannot be one. */
  async checkKernel() {
    await this.#guarded(() => this.#showStatus());
  }

  async openFile(path) {
    await this.#guarded(async () => {
      const { notebook, etag } = await this.#api.get(this.#path(`file?path=${encodeURIComponent(path)}`));
      const { cells: _cells, ...base } = notebook;
      this.#take(path, { cells: fromNotebook(notebook), etag, base });
    });
  }

  async save() {
    if (this.#sessionId === null) return;
    await this.#guarded(async () => {
      const { path, etag, base } = this.#file;
      const answer = await this.#api.put(this.#path(`file?path=${encodeURIComponent(path)}`), { notebook: toNotebook(this.#cells, base) }, etag === null ? {} : { 'if-match': etag });
      this.#file.etag = answer.etag;
      fill(this.#message, h('p', { class: 'muted small' }, `${path} is saved.`));
      this.#hooks.onFiles();
    });
  }

  async #saveAs() {
    const answer = await ask({ title: 'Save the notebook as', confirm: 'Save', fields: [{ name: 'path', label: 'Name', value: this.#file.path, required: true }] });
    if (answer === null) return;
    if (answer.path !== this.#file.path) Object.assign(this.#file, { path: answer.path, etag: null });
    fill(this.#name, answer.path);
    await this.save();
  }

  #take(path, { cells, etag, base }) {
    this.#file = { path, etag, base };
    this.#cells = cells.length === 0 ? [newCell()] : cells;
    fill(this.#name, path);
    this.#drawAll();
  }

  #path(rest) {
    return sessionPath(this.#sessionId, `/notebook/${rest}`);
  }

  #drawAll() {
    this.#views.clear();
    fill(this.#list, this.#cells.map((cell) => {
      const view = drawCell(cell, {
        onRun: () => void this.#runFrom(cell), onRemove: () => this.#remove(cell), onMove: (by) => this.#move(cell, by),
        complete: (code, cursor_pos) => this.#api.post(this.#path('complete'), { code, cursor_pos }),
        answerInput: (request_id, value) => this.#api.post(this.#path('input'), { request_id, value }),
      });
      this.#views.set(cell, view);
      return view.element;
    }));
  }

  #set(cell, change) {
    Object.assign(cell, change);
    this.#views.get(cell)?.update();
  }

  #add(cellType) {
    this.#cells.push(newCell('', cellType));
    this.#drawAll();
    this.#views.get(this.#cells.at(-1)).focus();
  }

  #remove(cell) {
    this.#cells = this.#cells.filter((other) => other !== cell);
    if (this.#cells.length === 0) this.#cells.push(newCell());
    this.#drawAll();
  }

  #move(cell, by) {
    const at = this.#cells.indexOf(cell);
    const to = at + by;
    if (to < 0 || to >= this.#cells.length) return;
    this.#cells.splice(at, 1);
    this.#cells.splice(to, 0, cell);
    this.#drawAll();
    this.#views.get(cell).focus();
  }

  async #runFrom(cell) {
    await this.#run(cell);
    const next = this.#cells[this.#cells.indexOf(cell) + 1];
    if (next !== undefined) this.#views.get(next)?.focus();
  }

  async #runAll() {
    for (const cell of this.#cells) {
      if (cell.cellType === 'code' && !await this.#run(cell)) return;
    }
  }

  /** True when the cell ended well. */
  async #run(cell) {
    if (this.#sessionId === null || cell.isRunning || cell.cellType !== 'code' || cell.source.trim() === '') return true;
    this.#set(cell, { outputs: [], count: null, isRunning: true, willClear: false });
    let isGood = false;
    await this.#guarded(() => this.#api.stream('POST', this.#path('cell/stream'), {
      body: { code: cell.source, cell_id: cell.id, allow_stdin: true }, signal: this.#controller.signal,
      onEvent: ({ event }) => { isGood = this.#onEvent(cell, event) || isGood; },
    }));
    this.#set(cell, { isRunning: false });
    void this.#showStatus().catch(() => undefined);
    return isGood;
  }

  #onEvent(cell, event) {
    if (event.type === 'cell_output') this.#set(cell, applyOutput(cell, event));
    else if (event.type === 'cell_input_request') this.#views.get(cell)?.askInput(event);
    else if (event.type === 'error') this.#showRefusal(event);
    else if (event.type === 'cell_complete') {
      const answer = event.answer ?? event;
      this.#set(cell, { outputs: settled(cell.outputs, answer.outputs), count: answer.execution_count });
      return answer.success === true;
    }
    return false;
  }

  async #showStatus() {
    const { state, python, execution_count: count } = await this.#api.get(this.#path('status'));
    this.#kernel.textContent = state === 'none' ? 'kernel starts with the first cell' : `${state}${python === null ? '' : `, Python ${python}`}, ${count} run`;
  }

  #showRefusal(error) {
    const isClosed = error.code === 'EXECUTION_UNAVAILABLE' || error.code === 'LANE_REFUSED';
    if (isClosed) this.#kernel.textContent = 'no kernel';
    fill(this.#message, isClosed ? unavailableCallout(error, () => void this.checkKernel()) : errorCallout(error));
  }

  async #guarded(work) {
    try {
      fill(this.#message);
      await work();
    } catch (error) {
      if (error.name === 'AbortError') return;
      this.#showRefusal(error);
    }
  }
}
