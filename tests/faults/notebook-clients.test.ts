import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { KernelManager, KernelSpecManager, ContentsManager, ServerConnection, SessionManager } from '@jupyterlab/services';
import type { Kernel, KernelMessage } from '@jupyterlab/services';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { JUPYTER_SETUP_MS, jupyterPython } from '../support/jupyter-environment.ts';
import { startSidecar } from '../support/sidecar-process.ts';
import type { SidecarProcess } from '../support/sidecar-process.ts';

const runFile = promisify(execFile);
const MIRROR = `
def opened(comm, message):
    @comm.on_msg
    def echo(message):
        comm.send({'said': message['content']['data']['say'][::-1]}, buffers=[bytes(message['buffers'][0])[::-1]])
get_ipython().kernel.comm_manager.register_target('mirror', opened)
`;

let sidecar: SidecarProcess;
let sessionId: string;
beforeAll(async () => {
  sidecar = await startSidecar();
  sessionId = await sidecar.create();
});
afterAll(async () => { await sidecar[Symbol.asyncDispose](); });

describe("JupyterLab's client library (K33)", () => {
  let serverSettings: ServerConnection.ISettings;
  let kernels: KernelManager;
  let kernel: Kernel.IKernelConnection;
  beforeAll(async () => {
    serverSettings = ServerConnection.makeSettings({
      baseUrl: `${sidecar.url}/jupyter/`, wsUrl: `${sidecar.url.replace('http', 'ws')}/jupyter/`, token: sidecar.token, appendToken: true,
    });
    kernels = new KernelManager({ serverSettings });
    await kernels.ready;
    kernel = await kernels.startNew({ name: 'python3' });
    await kernel.info;
  });
  afterAll(async () => {
    await kernel.shutdown();
    kernel.dispose();
    kernels.dispose();
  });

  /** Runs code; what came on iopub, and the reply's status. */
  const execute = async (code: string): Promise<{ types: string[]; text: string; status: string }> => {
    const future = kernel.requestExecute({ code });
    const messages: KernelMessage.IIOPubMessage[] = [];
    future.onIOPub = (message) => { messages.push(message); };
    const reply = await future.done;
    const text = messages.map(({ content }) => {
      const { text: printed, data } = content as { text?: string; data?: Record<string, string> };
      return printed ?? data?.['text/plain'] ?? '';
    }).join('');
    return { types: messages.map(({ header }) => header.msg_type), text, status: reply.content.status };
  };

  it('reads the kernel specs', async () => {
    const manager = new KernelSpecManager({ serverSettings });
    await manager.ready;

    expect([manager.specs?.default, manager.specs?.kernelspecs['python3']?.language]).toEqual(['python3', 'python']);
    manager.dispose();
  });

  it('starts a kernel and executes in it', async () => {
    expect(await execute('print("hi")\n40 + 2')).toEqual({
      types: ['status', 'execute_input', 'stream', 'execute_result', 'status'], text: 'hi\n42', status: 'ok',
    });
  });

  it('exchanges messages with buffers over a comm (K14)', async () => {
    await execute(MIRROR);
    const comm = kernel.createComm('mirror');
    const mirrored = new Promise<KernelMessage.ICommMsgMsg>((resolve) => { comm.onMsg = resolve; });

    await comm.open({}).done;
    await comm.send({ say: 'abc' }, {}, [new Uint8Array([1, 2, 3])]).done;
    const { content, buffers } = await mirrored;

    expect([content.data, [...new Uint8Array(ArrayBuffer.isView(buffers?.[0]) ? buffers[0].buffer.slice(buffers[0].byteOffset) : buffers![0]!)]]).toEqual([{ said: 'cba' }, [3, 2, 1]]);
  });

  it('interrupts a cell', async () => {
    const future = kernel.requestExecute({ code: 'print("go")\nimport time; time.sleep(60)' });
    await new Promise<void>((resolve) => { future.onIOPub = ({ header }) => { if (header.msg_type === 'stream') resolve(); }; });

    await kernel.interrupt();

    expect((await future.done).content).toMatchObject({ status: 'error', ename: 'KeyboardInterrupt' });
  });

  it('restarts the kernel under its id, without its namespace', async () => {
    await execute('kept = 1');
    const { id } = kernel;
    const states: string[] = [];
    kernel.statusChanged.connect((_sender, state) => { states.push(state); });

    await kernel.restart();

    expect([kernel.id, (await execute('"kept" in globals()')).text]).toEqual([id, 'False']);
    expect(states).toContain('restarting');
    expect(states).not.toContain('autorestarting');
  });

  it('saves, reads, renames, lists and deletes in the workspace of a session', async () => {
    const contents = new ContentsManager({ serverSettings });
    const notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells: [{ cell_type: 'code', id: 'one', metadata: {}, execution_count: null, outputs: [], source: '1 + 1' }] };
    await contents.save(`${sessionId}/lab.ipynb`, { type: 'notebook', format: 'json', content: notebook });
    await contents.save(`${sessionId}/a.txt`, { type: 'file', format: 'text', content: 'äöü' });

    const read = await contents.get(`${sessionId}/lab.ipynb`);
    const renamed = await contents.rename(`${sessionId}/a.txt`, `${sessionId}/b.txt`);
    const text = await contents.get(renamed.path, { type: 'file', format: 'text', content: true });
    await contents.delete(renamed.path);
    const listed = await contents.get(sessionId);

    expect([read.content.cells[0].source, text.content]).toEqual(['1 + 1', 'äöü']);
    expect((listed.content as { name: string }[]).map(({ name }) => name)).toEqual(expect.arrayContaining(['lab.ipynb']));
    expect((listed.content as { name: string }[]).map(({ name }) => name)).not.toContain('b.txt');
    contents.dispose();
  });

  it('opens a notebook with its kernel, which shares the namespace of the session', async () => {
    const sessions = new SessionManager({ kernelManager: kernels, serverSettings });
    await sessions.ready;
    const session = await sessions.startNew({ path: `${sessionId}/lab.ipynb`, name: 'lab.ipynb', type: 'notebook', kernel: { name: 'python3' } });

    await session.kernel!.requestExecute({ code: 'shared = "from the lab"' }).done;
    const { body } = await sidecar.call('POST', `/api/session/${sessionId}/notebook/cell/run`, { code: 'shared' });

    expect(body.result_repr).toBe("'from the lab'");
    await session.shutdown();
    sessions.dispose();
  });
});

describe('a Python client over the raw protocol (K34)', () => {
  let python: string;
  beforeAll(async () => { python = await jupyterPython(); }, JUPYTER_SETUP_MS);

  it.each(['default', 'v1'])('starts a kernel, executes, answers input, interrupts, restarts and ends it, in the %s framing', async (framing) => {
    const script = join(import.meta.dirname, '..', 'support', 'raw_client.py');
    const { stdout } = await runFile(python, [script, `${sidecar.url}/jupyter`, framing], { env: { SIDECAR_TOKEN: sidecar.token }, timeout: 110_000 });

    expect(JSON.parse(stdout)).toEqual({
      started: 201, result: '42', stream: 'hi\n', states: ['busy', 'idle'], greeting: 'hello Ada\n', interrupted: 'KeyboardInterrupt', restarted: 200, kept: 'False',
      deleted: 204, after: 404,
    });
  });
});
