// The page: takes the token, opens sessions, and tells the parts what changed.
import { createApi, followSession, sessionPath } from './api.js';
import { Chat } from './chat.js';
import { CodePanel } from './code.js';
import { drawDiagnostics, modelName } from './diagnostics.js';
import { button, byId, callout, errorCallout, fill, h } from './dom.js';
import { FilesPanel } from './files.js';
import { NotebookPanel } from './notebook.js';
import { createReportPanel, drawUsage } from './report.js';
import { drawSessions, loadChapters } from './sessions.js';
import { createFrameGate } from './sse.js';
import { drawTasks } from './tasks.js';

const TABS = ['report', 'files', 'code', 'notebook', 'usage', 'diagnostics'];
const CONNECTION = { live: 'live', lost: 'reconnecting…', refused: 'not connected' };

/** Everything behind the token. */
class Workbench {
  #api;
  #chat;
  #report;
  #files;
  #code;
  #notebook;
  #open = null;

  constructor(api) {
    this.#api = api;
    const onListed = (names) => this.#code.setFiles(names);
    this.#report = createReportPanel({ api, showTab });
    this.#code = new CodePanel({ api, hooks: { onShare: (text) => { showView('chat'); this.#chat.suggest(text); }, onFiles: () => void this.#files.refresh() } });
    this.#notebook = new NotebookPanel({ api, hooks: { onFiles: () => void this.#files.refresh() } });
    this.#files = new FilesPanel({ api, hooks: {
      onListed, onRun: (name) => { showTab('code'); this.#code.runFile(name); }, onNotebook: (name) => { showTab('notebook'); void this.#notebook.openFile(name); },
    } });
    this.#chat = new Chat({ api, hooks: {
      onSettled: () => void this.#refresh(), onStateChange: () => void this.#refresh(), onReset: () => void this.#load(this.#open),
      onReport: (id) => void this.#report.refresh(this.#open.id).then(() => this.#report.openExpert(id)), onEnded: (answer) => void this.#ended(answer),
    } });
    byId('new-session').addEventListener('submit', (event) => { event.preventDefault(); void this.#create(); });
    byId('tabs').addEventListener('tab-shown', ({ detail }) => { if (detail === 'diagnostics') this.#diagnose(); });
  }

  async start() {
    await Promise.all([this.#idlePanels(), this.#listSessions(), loadChapters(this.#api), this.#showModel()]);
    const wanted = new URLSearchParams(location.hash.slice(1)).get('session');
    if (wanted !== null) await this.open(wanted);
    else this.#welcome();
  }

  #welcome() {
    fill(byId('log'), h('div', { class: 'empty' }, h('h2', {}, 'Choose a chapter'),
      h('p', { class: 'muted' }, 'Pick one on the left and press Start. The companion greets you, and the tasks appear beside the chat.')));
    byId('chapter-picker').focus();
  }

  async #create() {
    try {
      const answer = await this.#api.post('/api/session/new', { chapter_id: byId('chapter-picker').value });
      showView('chat');
      await this.open(answer.session_id);
      byId('composer-text').focus();
    } catch (error) {
      this.#chat.showBanner(errorCallout(error));
    }
  }

  /** Opens a session: listens first, then reads, so that nothing falls between the two. */
  async open(id) {
    this.#open?.controller.abort();
    const controller = new AbortController();
    const open = { id, controller, gate: createFrameGate() };
    this.#open = open;
    history.replaceState(null, '', `#session=${encodeURIComponent(id)}`);
    this.#chat.open({ id, gate: open.gate, signal: controller.signal });
    await this.#api.post(sessionPath(id, '/reattach'), {}).catch(() => undefined); // Reading below tells what is wrong, if anything.
    void followSession({
      api: this.#api, sessionId: id, gate: open.gate, signal: controller.signal,
      onEvent: (event) => { if (this.#open === open) this.#chat.onEvent(event); }, onState: (state, error) => this.#showConnection(open, state, error),
    });
    await Promise.all([this.#load(open), this.#files.show(id), this.#code.show(id), this.#notebook.show(id)]);
  }

  #close() {
    this.#open?.controller.abort();
    this.#open = null;
    history.replaceState(null, '', location.pathname);
    byId('session-title').textContent = 'No session';
    byId('tasks-section').hidden = true;
    byId('connection').textContent = 'ready';
    byId('connection').className = 'chip';
    this.#chat.close();
    this.#idlePanels();
    this.#welcome();
  }

  #idlePanels() {
    this.#report.idle();
    fill(byId('panel-usage'), h('p', { class: 'empty muted' }, 'Open a session to see its tokens.'));
    return Promise.all([this.#files.show(null), this.#code.show(null), this.#notebook.show(null)]);
  }

  #showConnection(open, state, error) {
    if (open !== this.#open) return;
    const chip = byId('connection');
    chip.textContent = CONNECTION[state];
    chip.className = `chip ${state === 'live' ? 'good' : 'bad'}`;
    if (error !== undefined) this.#chat.showBanner(errorCallout(error));
  }

  async #load(open) {
    const path = (rest) => sessionPath(open.id, rest);
    try {
      const [{ turns }, { state }, sessions] = await Promise.all([this.#api.get(path('/history')), this.#api.get(path('/state')), this.#listSessions()]);
      if (open !== this.#open) return;
      const listed = sessions.find(({ session_id: id }) => id === open.id);
      byId('session-title').textContent = listed?.chapter_title ?? state.chapter_id;
      document.title = `${listed?.chapter_title ?? state.chapter_id} – Workbench`;
      this.#showTasks(state);
      this.#chat.load({ turns, state, isBusy: listed?.busy === true });
      void this.#refreshReports(open.id);
      if (state.end_confirmed) this.#showEnded(await this.#api.post(path('/end')));
    } catch (error) {
      if (open === this.#open) this.#chat.showBanner(errorCallout(error));
    }
  }

  async #refresh() {
    const open = this.#open;
    if (open === null) return;
    void this.#refreshReports(open.id);
    void this.#listSessions();
    const { state } = await this.#api.get(sessionPath(open.id, '/state')).catch(() => ({}));
    if (state !== undefined && open === this.#open) this.#showTasks(state);
  }

  #refreshReports(id) {
    return Promise.all([this.#report.refresh(id), drawUsage({ api: this.#api, sessionId: id, onRefresh: () => void this.#refresh() })]);
  }

  #showTasks(state) {
    byId('tasks-section').hidden = false;
    drawTasks(byId('tasks'), state, state.end_confirmed ? undefined : (taskId) => void this.#chat.skip(taskId));
  }

  async #ended(answer) {
    if (answer === undefined) await this.#load(this.#open);
    else this.#showEnded(answer);
    await this.#refresh();
  }

  #showEnded(answer) {
    this.#report.showFinal(answer);
    this.#chat.showBanner(callout('good', 'This session has ended.', ' ', button('Read the final report', () => { showView('panel'); showTab('report'); }, { class: 'quiet' })));
  }

  async #listSessions() {
    return await drawSessions({
      api: this.#api, currentId: this.#open?.id,
      onOpen: (id) => { showView('chat'); void this.open(id); },
      onDeleted: (id) => { if (id === this.#open?.id) this.#close(); void this.#listSessions(); },
    });
  }

  async #showModel() {
    const { model, auth_mode: authMode } = await this.#api.get('/api/capabilities');
    const chip = byId('model-chip');
    chip.hidden = false;
    chip.textContent = modelName(model);
    chip.title = model.mode === 'offline' ? 'No model is configured: the built-in tutor answers by rules.' : `Authentication: ${authMode}`;
    byId('connection').textContent = 'ready';
  }

  #diagnose() {
    void drawDiagnostics({ api: this.#api, onRefresh: () => this.#diagnose() });
  }
}

function showTab(name) {
  for (const tab of TABS) {
    const isChosen = tab === name;
    const element = byId(`tab-${tab}`);
    element.setAttribute('aria-selected', String(isChosen));
    element.tabIndex = isChosen ? 0 : -1;
    byId(`panel-${tab}`).hidden = !isChosen;
  }
  byId('tabs').dispatchEvent(new CustomEvent('tab-shown', { detail: name }));
}

function showView(name) {
  document.body.dataset.view = name;
  for (const element of document.querySelectorAll('.bottom button')) element.setAttribute('aria-pressed', String(element.dataset.view === name));
}

function wirePage() {
  for (const [index, tab] of TABS.entries()) {
    const element = byId(`tab-${tab}`);
    element.addEventListener('click', () => showTab(tab));
    element.addEventListener('keydown', ({ key }) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[key];
      if (step === undefined) return;
      const next = TABS[(index + step + TABS.length) % TABS.length];
      showTab(next);
      byId(`tab-${next}`).focus();
    });
  }
  for (const element of document.querySelectorAll('.bottom button')) element.addEventListener('click', () => showView(element.dataset.view));
  byId('widen').addEventListener('click', ({ currentTarget }) => {
    const isWide = document.body.classList.toggle('wide-panel');
    currentTarget.setAttribute('aria-pressed', String(isWide));
  });
  showTab('report');
  showView('chat');
}

/** The token of the address, which then forgets it; else the one that the person types. */
function takeToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  fragment.delete('token');
  history.replaceState(null, '', fragment.size === 0 ? location.pathname : `#${fragment}`);
  return token;
}

async function connect(token) {
  try {
    const api = createApi(token);
    await api.get('/api/contract');
    await new Workbench(api).start();
  } catch (error) {
    askForToken(error.code === 'TOKEN_REQUIRED' ? callout('error', 'This token is not accepted.') : errorCallout(error));
  }
}

function askForToken(problem) {
  const field = h('input', { id: 'token', type: 'password', autocomplete: 'off', required: true });
  fill(byId('log'), h('form', { class: 'empty stack', onsubmit: (event) => { event.preventDefault(); void connect(field.value.trim()); } },
    h('h2', {}, 'Token needed'), h('p', { class: 'muted' }, 'Open the link that the server printed, or paste its token. It stays in this page’s memory only.'),
    problem, h('label', { for: 'token' }, 'Token'), field, h('button', { type: 'submit', class: 'primary' }, 'Connect')));
  field.focus();
}

wirePage();
const token = takeToken();
if (token === null) askForToken(null);
else await connect(token);
