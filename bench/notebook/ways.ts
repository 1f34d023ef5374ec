import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { freePort } from '../../tests/support/free-port.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';

/** How long a cell took, and how many characters it printed that reached us. */
export interface Timed { ms: number; printed: number }

/** One way to run cells: in a kernel that is there, or from the request for a new kernel to its first result. */
export interface Way extends AsyncDisposable {
  warm(code: string): Promise<Timed>;
  cold(code: string): Promise<Timed>;
}

interface Message { header: { msg_type: string }; parent_header: { msg_id?: string }; content: { text?: string; execution_state?: string } }

/** Runs a cell over a kernel's socket, to its reply and its idle state. */
async function execute(socket: WebSocket, code: string): Promise<Timed> {
  const started = performance.now();
  const id = crypto.randomUUID();
  let printed = 0;
  const waiting = new Set(['reply', 'idle']);
  await new Promise<void>((resolve) => {
    const onMessage = (bytes: Buffer): void => {
      const { header, parent_header: parent, content } = JSON.parse(bytes.toString('utf8')) as Message;
      if (parent.msg_id !== id) return;
      if (header.msg_type === 'stream') printed += content.text?.length ?? 0;
      if (header.msg_type === 'execute_reply') waiting.delete('reply');
      if (content.execution_state === 'idle') waiting.delete('idle');
      if (waiting.size > 0) return;
      socket.off('message', onMessage);
      resolve();
    };
    socket.on('message', onMessage);
    socket.send(JSON.stringify({
      channel: 'shell', header: { msg_id: id, msg_type: 'execute_request', session: id, username: '', date: new Date().toISOString(), version: '5.3' }, parent_header: {}, metadata: {},
      content: { code, silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true }, buffers: [],
    }));
  });
  return { ms: performance.now() - started, printed };
}

/** Any server that speaks Jupyter's REST and WebSocket interface. */
export async function openJupyterWay(server: { url: string; token: string }): Promise<Way> {
  const headers = { authorization: `token ${server.token}` };
  const start = async (): Promise<{ id: string; socket: WebSocket }> => {
    const response = await fetch(`${server.url}/api/kernels`, { method: 'POST', headers: { ...headers, 'content-type': 'application/json' }, body: '{"name":"python3"}' });
    const { id } = await response.json() as { id: string };
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/api/kernels/${id}/channels?session_id=${crypto.randomUUID()}`, { headers });
    await once(socket, 'open');
    return { id, socket };
  };
  const end = async ({ id, socket }: { id: string; socket: WebSocket }): Promise<void> => {
    socket.close();
    await fetch(`${server.url}/api/kernels/${id}`, { method: 'DELETE', headers });
  };
  const kept = await start();
  return {
    warm: async (code) => await execute(kept.socket, code),
    cold: async (code) => {
      const started = performance.now();
      const kernel = await start();
      const { printed } = await execute(kernel.socket, code);
      const ms = performance.now() - started;
      await end(kernel);
      return { ms, printed };
    },
    [Symbol.asyncDispose]: async () => await end(kept),
  };
}

/** A Jupyter Server with its defaults. */
export async function openJupyterServer(python: string): Promise<Way> {
  const folder = await createTemporaryFolder('jupyter-server');
  const [port, token] = [await freePort(), 'a-token-for-the-bench'];
  const child = spawn(python, ['-m', 'jupyter_server', '--no-browser', '--allow-root', `--ServerApp.port=${port}`, `--IdentityProvider.token=${token}`], {
    cwd: folder.path, stdio: ['ignore', 'ignore', 'pipe'], env: { PATH: process.env['PATH'] ?? '', HOME: folder.path },
  });
  const exited = once(child, 'exit');
  await new Promise<void>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`Jupyter Server ended with ${code}`)));
    createInterface({ input: child.stderr }).on('line', (line) => { if (line.includes('is running at')) resolve(); });
  });
  const url = `http://127.0.0.1:${port}`;
  const isThere = async (): Promise<boolean> => await fetch(`${url}/api`).then(({ ok }) => ok, () => false);
  while (child.exitCode === null && !await isThere()) await delay(50); // It says that it runs before it listens.
  const way = await openJupyterWay({ url, token });
  return {
    ...way,
    [Symbol.asyncDispose]: async () => {
      await way[Symbol.asyncDispose]();
      child.kill('SIGTERM');
      await exited;
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** `jupyter_client` in a process of its own. */
export async function openJupyterClient(python: string): Promise<Way> {
  const child = spawn(python, [join(import.meta.dirname, 'jupyter_peer.py')], { stdio: ['pipe', 'pipe', 'ignore'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async (): Promise<unknown> => {
    const line = await lines.next();
    if (line.done === true) throw new Error('jupyter_client ended');
    return JSON.parse(line.value);
  };
  const ask = async (kind: string, code: string): Promise<Timed> => {
    child.stdin.write(`${JSON.stringify({ kind, code })}\n`);
    return await read() as Timed; // proof: the peer's only answer
  };
  await read();
  return {
    warm: async (code) => await ask('warm', code), cold: async (code) => await ask('cold', code),
    [Symbol.asyncDispose]: async () => {
      child.stdin.end();
      await once(child, 'exit');
    },
  };
}
