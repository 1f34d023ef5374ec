import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JupyterMessage } from '../../src/execution/notebook/index.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';
import { openNotebookService } from '../support/notebook-http.ts';
import type { NotebookService } from '../support/notebook-http.ts';

const CELL = `import sys
from IPython.display import display
print("a", flush=True)
display("shown")
print("b", file=sys.stderr, flush=True)
display("again")
"result"`;

const request = (id: string, code: string): JupyterMessage => ({
  channel: 'shell', header: { msg_id: id, msg_type: 'execute_request', session: id, username: 'u', date: '2026-01-01T00:00:00Z', version: '5.4' }, parent_header: {}, metadata: {}, buffers: [],
  content: { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true },
});
const nameOf = ({ header, content }: JupyterMessage): string => String(content.execution_state ?? content.name ?? header.msg_type);

describe('a client that comes back', () => {
  let bench: NotebookBench;
  let kernelId: string;
  beforeAll(async () => {
    bench = await openNotebookBench();
    kernelId = (await bench.notebooks.jupyter.start({ path: bench.session('returning') })).id;
  });
  afterAll(async () => { await bench[Symbol.asyncDispose](); });

  /** Runs the cell as a client that is cut off right after the nth message and comes back at once. */
  async function cutAfter(cut: number): Promise<string[]> {
    const { jupyter } = bench.notebooks;
    const name = `cut${cut}`;
    const got: JupyterMessage[] = [];
    const done = Promise.withResolvers<void>();
    const take = (message: JupyterMessage): void => {
      if (message.parent_header.msg_id === name) got.push(message);
      if (['idle', 'execute_reply'].every((each) => got.some((seen) => nameOf(seen) === each))) done.resolve();
    };
    const away = Promise.withResolvers<void>();
    const first = jupyter.attach(kernelId, name, {
      message: (message) => {
        take(message);
        if (got.length === cut) {
          first.leave();
          away.resolve();
        }
      },
      dead: () => {},
    });
    first.send(request(name, CELL));
    if (cut === 0) first.leave();
    else await Promise.race([away.promise, done.promise]);
    const second = jupyter.attach(kernelId, name, { message: take, dead: () => {} });
    await done.promise;
    second.leave();
    // A line may come in two messages; what counts is that its text comes once. Behind the names: all text in order.
    const names = got.map(nameOf).filter((each, index, all) => each !== all[index - 1] || !['stdout', 'stderr'].includes(each));
    return [...names, `text ${JSON.stringify(got.map(({ content }) => content.text ?? '').join(''))}`];
  }

  it('has every message once and in order, wherever it was cut off (K36)', async () => {
    const whole = await cutAfter(Number.POSITIVE_INFINITY);
    const cuts = whole.slice(1).map((_, index) => index);

    expect(whole.filter((name) => name !== 'execute_reply'))
      .toEqual(['busy', 'execute_input', 'stdout', 'display_data', 'stderr', 'display_data', 'execute_result', 'idle', 'text "a\\nb\\n"']);
    for (const cut of cuts) expect([cut, (await cutAfter(cut)).toSorted()]).toEqual([cut, whole.toSorted()]);
  });

  it('hears of a normal start when a restart was asked for, and finds another kernel session in the headers (K19)', async () => {
    const { jupyter } = bench.notebooks;
    const frames: string[] = []; // Everything that belongs to no request of this client.
    const sessions = new Set<string>();
    const done = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const channel = jupyter.attach(kernelId, 'watching', {
      message: ({ header, parent_header: parent, content }) => {
        if (!String(parent.msg_id).startsWith('watch')) frames.push(String(content.execution_state ?? header.msg_type));
        if (header.msg_type !== 'execute_reply') return;
        sessions.add(header.session);
        done[Number(parent.msg_id === 'watch2')]!.resolve();
      },
      dead: () => {},
    });
    channel.send(request('watch1', '1'));
    await done[0]!.promise;

    frames.length = 0;
    const restarted = await jupyter.restart(kernelId);
    channel.send(request('watch2', '1'));
    await done[1]!.promise;
    channel.leave();

    expect([restarted.id, frames, sessions.size]).toEqual([kernelId, ['shutdown_reply', 'starting', 'idle'], 2]);
  });

  it('has an answer to its running cell when somebody else restarts the kernel', async () => {
    const { jupyter } = bench.notebooks;
    const got: JupyterMessage[] = [];
    const [running, over] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const channel = jupyter.attach(kernelId, 'running', {
      message: (message) => {
        if (message.parent_header.msg_id !== 'loop') return;
        got.push(message);
        if (message.header.msg_type === 'stream') running.resolve();
        if (nameOf(message) === 'idle') over.resolve();
      },
      dead: () => {},
    });
    channel.send(request('loop', 'print("go", flush=True)\nimport time; time.sleep(600)'));
    await running.promise;

    await jupyter.restart(kernelId);
    await over.promise;
    channel.leave();

    expect(got.filter(({ header }) => header.msg_type === 'execute_reply').map(({ content }) => content.status)).toEqual(['aborted']);
  });

  it('does not hear of an automatic restart when a client had asked the process to end', async () => {
    const { jupyter } = bench.notebooks;
    const states: unknown[] = [];
    const back = Promise.withResolvers<void>();
    const channel = jupyter.attach(kernelId, 'ending', {
      message: ({ header, parent_header: parent, content }) => {
        if (header.msg_type === 'status' && parent.msg_id === undefined) states.push(content.execution_state);
        if (states.includes('starting') && content.execution_state === 'idle') back.resolve();
      },
      dead: () => {},
    });

    channel.send({ ...request('bye', ''), channel: 'control', header: { ...request('bye', '').header, msg_type: 'shutdown_request', session: 'ending' }, content: { restart: true } });
    await back.promise;
    channel.leave();

    expect(states.filter((state) => state !== 'busy')).toEqual(['starting', 'idle']);
  });
});

describe('VS Code', () => {
  let service: NotebookService;
  beforeAll(async () => { service = await openNotebookService(); });
  afterAll(async () => { await service[Symbol.asyncDispose](); });

  it('gets what it asks for, in its order: probes, specs, a session for its notebook, silent helpers, cells, interrupt, end (K35)', async () => {
    const session = await service.newSession();
    const get = async (path: string): Promise<number> => (await service.call('GET', `/jupyter${path}`)).status;
    const probes = [await get('/tree?'), await get('/api'), await get('/api/status'), await get('/api/kernelspecs'), await get('/api/kernels'), await get('/api/sessions'), await get('/hub/api')];
    const path = `${session}/analysis-jvsc-0b2a.ipynb`;
    const made = await service.call('POST', '/jupyter/api/sessions', { path, name: 'analysis.ipynb', type: 'notebook', kernel: { name: 'python3' } });
    const { id: kernelId } = made.body.kernel;
    await using client = await service.connect(kernelId);
    const greeting = client.send('shell', 'kernel_info_request', {});
    await client.until(({ header, parent_header }) => header.msg_type === 'kernel_info_reply' && parent_header.msg_id === greeting);

    const helper = await client.done(client.execute('import os as _helper\ndel _helper', { silent: true, store_history: false }));
    const cell = await client.done(client.execute('import os\nos.path.basename(os.getcwd())'));
    const completion = client.send('shell', 'complete_request', { code: 'os.getc', cursor_pos: 7 });
    const completed = await client.until(({ header, parent_header }) => header.msg_type === 'complete_reply' && parent_header.msg_id === completion);
    const running = client.execute('print("go")\nimport time; time.sleep(60)');
    await client.until(({ header, parent_header }) => header.msg_type === 'stream' && parent_header.msg_id === running);
    const interrupted = await service.call('POST', `/jupyter/api/kernels/${kernelId}/interrupt`);
    const stopped = await client.done(running);
    const deleted = await service.call('DELETE', `/jupyter/api/sessions/${made.body.id}`);

    expect(probes).toEqual([200, 200, 200, 200, 200, 200, 404]);
    expect([made.status, interrupted.status, deleted.status]).toEqual([201, 204, 204]);
    expect(helper.some(({ header }) => header.msg_type === 'execute_input')).toBe(false);
    expect(cell.some(({ header }) => header.msg_type === 'execute_result')).toBe(true);
    expect(completed.content.matches).toEqual(expect.arrayContaining([expect.stringContaining('getcwd')]));
    expect(stopped.find(({ header }) => header.msg_type === 'execute_reply')?.content.ename).toBe('KeyboardInterrupt');
  });
});
