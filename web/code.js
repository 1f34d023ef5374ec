// Running the learner's code: live output, stop, figures and files, queued jobs, and the log of runs.
import { sessionPath } from './api.js';
import { button, byId, callout, codeField, errorCallout, fill, formatTime, h, sentence } from './dom.js';
import { drawArtifacts, plainText } from './outputs.js';

const SAMPLE = 'import pandas as pd\n\nweather = pd.read_csv("weather_station.csv")\nprint(weather.shape)\nprint(weather.head())\n';
const OUTCOMES = {
  ok: 'Finished', error: 'Ended with an error', timeout: 'Took too long', cancelled: 'Stopped', memory_limit: 'Needed too much memory',
  output_limit: 'Printed too much', start_failed: 'Could not start',
};
const HINTS = {
  no_input: 'The program asked for input; give it below “Time, input, arguments”.', shadowed_module: 'A file of yours has the name of a library and hides it.',
  missing_package: 'This package is not part of the installed Python.', network_off: 'Programs have no network here.',
  outside_workspace: 'Programs can use the files of the workspace only.', figure_not_shown: 'A figure was drawn but not shown: call plt.show().',
  encoding: 'A file is not in the encoding that it was read with.', memory: 'It needed much memory: work on fewer rows or columns at a time.',
  dev_stdout: 'Print instead of opening /dev/stdout.',
};
const RESUME_TRIES = 5;
const RESUME_MS = 500;

/** Says in words that code cannot run here, for the code and the notebook panel alike. */
export function unavailableCallout(error, onCheck) {
  const more = error.code === 'LANE_REFUSED'
    ? ' The guards that this lane needs are not all in force. Diagnostics names the missing ones.'
    : ' Everything else works. Diagnostics says which Python was looked for; the chat, the files and the report do not need it.';
  return callout('warn', 'Code cannot run here yet.', ` ${sentence(error.message)} `, h('code', { class: 'code-tag' }, error.code), more, ' ', button('Check again', onCheck, { class: 'quiet' }));
}

/** The code panel. `hooks`: onShare(text), onFiles(). */
export class CodePanel {
  #api;
  #hooks;
  #sessionId = null;
  #run = null;
  #source = h('select', { id: 'code-source', onchange: () => this.#showSource() });
  #area = codeField({ label: 'Code', value: SAMPLE, rows: 10, onrun: () => void this.#start() });
  #timeout = h('input', { id: 'code-timeout', type: 'number', min: 1, max: 120, value: 20 });
  #stdin = h('textarea', { id: 'code-stdin', rows: 2, class: 'code-field' });
  #argv = h('input', { id: 'code-argv', autocomplete: 'off', placeholder: 'one two' });
  #startButton = button('Run', () => void this.#start(), { class: 'primary' });
  #stopButton = button('Stop', () => void this.#stop(), { class: 'danger', hidden: true });
  #output = h('pre', { class: 'out terminal', role: 'log', 'aria-label': 'Output', tabindex: 0, hidden: true });
  #result = h('div', { role: 'status' });
  #artifacts = h('div');
  #history = h('div');

  constructor({ api, hooks }) {
    this.#api = api;
    this.#hooks = hooks;
    fill(byId('panel-code'),
      h('div', { class: 'row wrap' }, h('label', { for: 'code-source' }, 'Run'), h('div', { class: 'grow' }, this.#source), this.#startButton, this.#stopButton,
        button('Queue', () => void this.#queue(), { title: 'Run as a job in the background' })),
      this.#area,
      h('details', { class: 'options' }, h('summary', {}, 'Time, input, arguments'),
        h('div', { class: 'grid-fields' }, h('label', { for: 'code-timeout' }, 'Seconds'), this.#timeout, h('label', { for: 'code-argv' }, 'Arguments'), this.#argv,
          h('label', { for: 'code-stdin' }, 'Input'), this.#stdin)),
      h('p', { class: 'muted small' }, 'Ctrl+Enter runs. Tab indents; Escape, then Tab, moves on.'),
      this.#result, this.#output, this.#artifacts, this.#history);
    this.setFiles([]);
  }

  async show(sessionId) {
    this.#run?.controller.abort();
    this.#run = null;
    this.#sessionId = sessionId;
    fill(this.#result);
    this.#output.hidden = true;
    this.#setRunning(false);
    fill(this.#history);
    fill(this.#artifacts);
    if (sessionId === null) fill(this.#result, h('p', { class: 'muted small' }, 'Open a session to run code in its workspace.'));
    await this.refresh();
  }

  /** Offers the workspace's Python files beside the scratch field. */
  setFiles(names) {
    const chosen = this.#source.value;
    fill(this.#source, h('option', { value: '' }, 'the code below'), names.filter((name) => name.endsWith('.py')).map((name) => h('option', { value: name }, name)));
    this.#source.value = [...this.#source.options].some(({ value }) => value === chosen) ? chosen : '';
    this.#showSource();
  }

  runFile(name) {
    this.#source.value = name;
    this.#showSource();
    void this.#start();
  }

  async refresh() {
    if (this.#sessionId === null) return;
    try {
      const [{ executions }, { jobs }] = await Promise.all([
        this.#api.get(sessionPath(this.#sessionId, '/executions?limit=20')), this.#api.get(sessionPath(this.#sessionId, '/code/jobs'))]);
      fill(this.#history, this.#jobRows(jobs.filter(({ status }) => status === 'queued' || status === 'running')), executionRows(executions));
    } catch (error) {
      fill(this.#history, errorCallout(error));
    }
  }

  #showSource() {
    this.#area.hidden = this.#source.value !== '';
  }

  #request() {
    const argv = this.#argv.value.trim();
    return {
      ...(this.#source.value === '' ? { code: this.#area.value } : { path: this.#source.value }),
      timeout_seconds: Number(this.#timeout.value) || 20, stdin: this.#stdin.value, argv: argv === '' ? [] : argv.split(/\s+/),
    };
  }

  async #start() {
    if (this.#sessionId === null || this.#run !== null) return;
    await this.#follow({ method: 'POST', path: '/code/stream', body: this.#request() });
    this.#hooks.onFiles();
    await this.refresh();
  }

  /** Follows a run to its end, over lost connections too. */
  async #follow({ method, path, body }) {
    const run = { sessionId: this.#sessionId, jobId: null, lastId: undefined, isOver: false, artifacts: [], controller: new AbortController() };
    this.#run = run;
    this.#setRunning(true);
    for (const part of [this.#output, this.#result, this.#artifacts]) fill(part);
    this.#output.hidden = false;
    let call = { method, path, body };
    for (let attempt = 0; !run.isOver && attempt <= RESUME_TRIES; attempt += 1) {
      try {
        await this.#api.stream(call.method, sessionPath(run.sessionId, call.path), {
          body: call.body, lastId: run.lastId, signal: run.controller.signal,
          onEvent: ({ id, event }) => { run.lastId = id; this.#onEvent(run, event); },
        });
        if (!run.isOver && run.jobId === null) break;
      } catch (error) {
        if (run.controller.signal.aborted) return;
        if (error.code !== 'OFFLINE' || run.jobId === null) {
          this.#showRefusal(error);
          break;
        }
      }
      if (run.isOver) break;
      call = { method: 'GET', path: `/code/jobs/${run.jobId}/stream`, body: undefined };
      await new Promise((resolve) => { setTimeout(resolve, RESUME_MS * attempt); });
    }
    if (this.#run === run) this.#run = null;
    this.#setRunning(false);
  }

  #onEvent(run, event) {
    if (run !== this.#run) return;
    if (event.type === 'exec_status' || event.type === 'exec_start') run.jobId = event.job_id;
    if (event.type === 'exec_status') fill(this.#result, h('p', { class: 'muted small' }, event.queue_position === undefined ? event.state : `${event.state}, place ${event.queue_position}`));
    else if (event.type === 'exec_output') {
      this.#output.append(event.stream === 'stderr' ? h('span', { class: 'stderr' }, plainText(event.text)) : plainText(event.text));
      this.#output.scrollTop = this.#output.scrollHeight;
    } else if (event.type === 'exec_complete') {
      run.isOver = true;
      this.#showResult(run.sessionId, event);
    } else if (event.type === 'error') {
      run.isOver = true;
      this.#showRefusal(event);
    }
  }

  #showRefusal(error) {
    this.#output.hidden = true;
    const isClosed = error.code === 'EXECUTION_UNAVAILABLE' || error.code === 'LANE_REFUSED';
    fill(this.#result, isClosed ? unavailableCallout(error, () => void this.#start()) : errorCallout(error));
  }

  #showResult(sessionId, result) {
    const printed = this.#output.textContent;
    if (printed === '') this.#output.append(result.stdout, h('span', { class: 'stderr' }, result.stderr));
    this.#output.hidden = this.#output.textContent === '';
    const facts = [`${OUTCOMES[result.outcome] ?? result.outcome}`, `code ${result.returncode}`, `${result.execution_time_ms} ms`, typeof result.start === 'string' ? `${result.start} start` : null];
    const notes = [result.message, ...(result.hints ?? []).map((hint) => HINTS[hint] ?? hint), ...(result.warnings ?? [])].filter((note) => typeof note === 'string' && note !== '');
    fill(this.#result,
      h('div', { class: `row wrap result ${result.success ? 'good' : 'bad'}` }, h('strong', { class: 'grow' }, facts.filter((fact) => fact !== null).join(' · ')),
        button('Put into the chat', () => this.#hooks.onShare(this.#shareText(result)), { class: 'quiet' })),
      notes.length === 0 ? null : h('ul', { class: 'small' }, notes.map((note) => h('li', {}, note))));
    fill(this.#artifacts, drawArtifacts({ api: this.#api, sessionId, artifacts: result.artifacts ?? [] }));
  }

  #shareText(result) {
    const request = this.#request();
    const what = request.path === undefined ? `I ran this:\n\`\`\`python\n${request.code.trim()}\n\`\`\`` : `I ran \`${request.path}\`.`;
    return `${what}\nIt printed:\n\`\`\`\n${`${result.stdout}${result.stderr}`.trim().slice(-2000)}\n\`\`\``;
  }

  async #stop() {
    const run = this.#run;
    if (run === null) return;
    this.#stopButton.disabled = true;
    if (run.jobId !== null) await this.#cancelJob(run.sessionId, run.jobId);
    this.#stopButton.disabled = false;
  }

  async #cancelJob(sessionId, jobId) {
    try {
      await this.#api.post(sessionPath(sessionId, `/code/jobs/${jobId}/cancel`));
    } catch (error) {
      fill(this.#result, errorCallout(error));
    }
  }

  async #queue() {
    if (this.#sessionId === null) return;
    try {
      await this.#api.post(sessionPath(this.#sessionId, '/code/jobs'), this.#request());
      await this.refresh();
    } catch (error) {
      this.#showRefusal(error);
    }
  }

  #jobRows(jobs) {
    if (jobs.length === 0) return [];
    return [h('h2', {}, 'Jobs'), h('ul', { class: 'file-list plain' }, jobs.map((job) => h('li', {}, h('span', { class: 'file-name' }, job.job_id), h('span', { class: 'chip' }, job.status),
      button('Watch', () => void this.#follow({ method: 'GET', path: `/code/jobs/${job.job_id}/stream` }).then(() => this.refresh()), { class: 'quiet small' }),
      button('Stop', () => void this.#cancelJob(this.#sessionId, job.job_id).then(() => this.refresh()), { class: 'quiet small' }))))];
  }

  #setRunning(isRunning) {
    this.#startButton.hidden = isRunning;
    this.#stopButton.hidden = !isRunning;
  }
}

function executionRows(executions) {
  if (executions.length === 0) return [];
  return [h('h2', {}, 'Log of runs'), h('div', { class: 'scroll-x' }, h('table', {},
    h('thead', {}, h('tr', {}, ['When', 'Lane', 'Kind', 'Outcome', 'Time'].map((label) => h('th', { scope: 'col' }, label)))),
    h('tbody', {}, executions.map((run) => h('tr', {}, h('td', {}, formatTime(run.started_at)), h('td', {}, run.lane), h('td', {}, run.kind),
      h('td', {}, OUTCOMES[run.outcome] ?? 'running'), h('td', { class: 'number' }, run.duration_ms === null ? '' : `${run.duration_ms} ms`))))))];
}
