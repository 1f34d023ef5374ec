import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FRAME_KIND, FrameReader, encodeControl } from '../../src/execution/notebook/connection/frame-codec.ts';
import { frameOfMessage, messageOfFrame } from '../../src/execution/notebook/connection/jupyter-message.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';

const RT = join(import.meta.dirname, '..', '..', 'python', 'sidecar_rt');
/** A kernel on a system where the named transports carry nothing. */
const DRIVER = `import sys
sys.path.insert(0, sys.argv[2])
import kernel, kernel_wire
carries = kernel_wire.carries
kernel_wire.carries = lambda transport, folder: transport not in sys.argv[3].split(",") and carries(transport, folder)
kernel.main()`;

let bench: NotebookBench;
beforeAll(async () => { bench = await openNotebookBench(); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });

it.each([['inproc', ''], ['ipc', 'inproc'], ['tcp', 'inproc,ipc']])('falls back to %s, and a cell runs over it (K01)', async (transport, refused) => {
  const search = await bench.guard.python();
  if (!search.found) throw new Error(search.reason);
  const folder = join(bench.root, transport);
  mkdirSync(folder);
  writeFileSync(join(folder, 'guard.json'), JSON.stringify({ lane: 'notebook', workspace: folder }));
  const child = spawn(search.runtime.executable, ['-P', '-s', '-B', '-X', 'utf8', '-c', DRIVER, folder, RT, refused], {
    stdio: ['pipe', 'pipe', 'inherit'], env: { PATH: process.env['PATH'] ?? '', HOME: folder, IPYTHONDIR: folder },
  });
  const seen = { transport: '', result: '' };
  const done = Promise.withResolvers<void>();
  const reader = new FrameReader();
  child.once('exit', (code) => done.reject(new Error(`the kernel ended with ${code}`)));
  child.stdout.on('data', (chunk: Buffer) => {
    for (const frame of reader.push(chunk)) {
      if (frame.kind === FRAME_KIND.control) {
        const control = JSON.parse(frame.parts[0]!.toString('utf8')) as { op: string; transport: string };
        if (control.op === 'hello') seen.transport = control.transport;
        if (control.op !== 'ready') continue;
        child.stdin.write(frameOfMessage({
          channel: 'shell', header: { msg_id: 'm', msg_type: 'execute_request', session: 't', username: 'u', date: '2026-01-01T00:00:00Z', version: '5.4' },
          parent_header: {}, metadata: {}, buffers: [],
          content: { code: '6 * 7', silent: false, store_history: true, user_expressions: {}, allow_stdin: false, stop_on_error: true },
        }));
        continue;
      }
      const { header, content } = messageOfFrame(frame);
      if (header.msg_type === 'execute_result') seen.result = JSON.stringify(content.data);
      if (content.execution_state === 'idle') done.resolve();
    }
  });

  child.stdin.write(encodeControl('start', { cwd: folder, env: {}, limits: {}, init: [] }));
  await done.promise;
  const modeOfSockets = statSync(join(folder, 'sockets'), { throwIfNoEntry: false })?.mode;
  child.stdin.end();
  child.removeAllListeners('exit');
  if (child.exitCode === null) await once(child, 'exit');

  expect(seen).toEqual({ transport, result: '{"text/plain":"42"}' });
  expect(modeOfSockets === undefined ? null : modeOfSockets & 0o777).toBe(transport === 'ipc' ? 0o700 : null);
});
