import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GuardedChild } from '../../src/execution/guard/index.ts';
import { FRAME_KIND, decodeFrame, encodeControl, encodeFrame } from '../../src/execution/notebook/connection/frame-codec.ts';
import type { JupyterMessage } from '../../src/execution/notebook/connection/jupyter-message.ts';
import { startPipeKernel } from '../../src/execution/notebook/connection/pipe-connection.ts';
import type { PipeConnection } from '../../src/execution/notebook/connection/pipe-connection.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { NotebookBench } from '../support/notebook-bench.ts';

const RT = join(import.meta.dirname, '..', '..', 'python', 'sidecar_rt');
const MIB = 1024 * 1024;
let bench: NotebookBench;

beforeAll(async () => { bench = await openNotebookBench(); });
afterAll(async () => { await bench[Symbol.asyncDispose](); });

const workspaceOf = (name: string) => {
  const folder = join(bench.root, name);
  mkdirSync(folder, { recursive: true });
  return { folder, home: join(folder, '..', `${name}-home`), packages: null, sessionId: name };
};
const startKernel = async (name: string): Promise<PipeConnection> => await startPipeKernel({
  id: name, guard: bench.guard, workspace: workspaceOf(name), signal: AbortSignal.timeout(120_000), init: [],
  caps: { text_bytes: 8 * MIB, rich_bytes: 32 * MIB, message_bytes: 8 * MIB },
});
const request = (id: string, code: string): JupyterMessage => ({
  channel: 'shell', header: { msg_id: id, msg_type: 'execute_request', session: 'test', username: 'u', date: '2026-01-01T00:00:00Z', version: '5.4' },
  parent_header: {}, metadata: {}, content: { code, silent: false, store_history: true, user_expressions: { two: '1 + 1' }, allow_stdin: false, stop_on_error: false },
  buffers: [],
});
/** Sends a request and collects what belongs to it until it is answered and idle. */
async function exchange(kernel: PipeConnection, message: JupyterMessage): Promise<JupyterMessage[]> {
  const mine: JupyterMessage[] = [];
  const done = Promise.withResolvers<void>();
  using _listening = kernel.onMessage((each) => {
    if (each.parent_header.msg_id !== message.header.msg_id) return;
    mine.push(each);
    const has = (fits: (seen: JupyterMessage) => boolean): boolean => mine.some(fits);
    if (has(({ channel }) => channel === 'shell') && has(({ content }) => content.execution_state === 'idle')) done.resolve();
  });
  await kernel.send(message);
  await done.promise;
  return mine;
}

describe('the codec of both sides', () => {
  const PROGRAM = `
import sys
sys.path.insert(0, sys.argv[1])
import kernel_frames as frames
for line in sys.stdin:
    try:
        kind, channel, parts = frames.decode(bytes.fromhex(line.strip()))
        print(kind, channel, len(parts), frames.encode(kind, channel, parts)[4:].hex())
    except frames.ProtocolError:
        print("ProtocolError")
`;
  const part = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
  const frame = fc.record({ kind: fc.constant(FRAME_KIND.message), channel: fc.integer({ min: 0, max: 3 }), parts: fc.array(part, { minLength: 4, maxLength: 8 }) });

  it('reads, makes and refuses the same bytes', () => {
    const good = fc.sample(frame, { numRuns: 150, seed: 7 }).map((each) => encodeFrame(each).subarray(4));
    const bent = good.map((body, index) => {
      const copy = Buffer.from(body);
      copy[index % 24] = index % 7;
      return copy;
    });
    const judge = (body: Buffer): string => {
      try {
        const { kind, channel, parts } = decodeFrame(body);
        return `${kind} ${channel} ${parts.length} ${encodeFrame({ kind, channel, parts }).subarray(4).toString('hex')}`;
      } catch {
        return 'ProtocolError';
      }
    };
    const all = [...good, ...bent];

    const answers = execFileSync('python3', ['-c', PROGRAM, RT], { input: all.map((body) => body.toString('hex')).join('\n'), encoding: 'utf8' }).trimEnd().split('\n');

    expect(answers).toEqual(all.map(judge));
    expect(answers.filter((answer) => answer === 'ProtocolError').length).toBeGreaterThan(20);
  });
});

describe('a kernel that is spoken to wrongly', () => {
  const spawn = async (name: string): Promise<GuardedChild> => {
    const child = await bench.guard.spawnGuarded({ lane: 'notebook', program: { script: 'kernel.py', matplotlibBackend: 'agg' }, workspace: workspaceOf(name) });
    child.stdout.resume();
    child.stderr.resume();
    return child;
  };
  const huge = Buffer.alloc(8);
  huge.writeUInt32BE(100 * MIB);

  it.each([
    ['a frame of 100 MiB (E70)', huge, 123],
    ['a hundred thousand parts (E70)', Buffer.from([0, 0, 0, 8, 1, 0, 0xff, 0xff, 0, 0, 0, 0]), 123],
    ['garbage (E70)', Buffer.from('GET / HTTP/1.1\r\n\r\n'.repeat(4)), 123],
    ['a message before it is ready', encodeFrame({ kind: 1, channel: 0, parts: ['{}', '{}', '{}', '{}'].map((text) => Buffer.from(text)) }), 123],
    ['an unknown op', encodeControl('dance'), 123],
  ])('ends for %s', async (_title, bytes, code) => {
    const child = await spawn('wrong');
    child.stdin.write(bytes);

    expect((await child.exited).code).toBe(code);
    expect((await child.gone).survivors).toBe(0);
  });

  it('ends when the host is gone, also in the middle of a frame (E70)', async () => {
    const child = await spawn('left');
    child.stdin.end(Buffer.from([0, 0, 1, 0, 1]));

    expect((await child.exited).code).toBe(124);
  });
});

describe('one kernel', () => {
  let kernel: PipeConnection;
  beforeAll(async () => { kernel = await startKernel('one'); });

  it('says what it is (K01, K02)', () => {
    expect(kernel.info).toMatchObject({
      python: expect.stringMatching(/^3\./), ipykernel: expect.stringMatching(/^\d/),
      reply: { status: 'ok', implementation: 'ipython', protocol_version: expect.stringMatching(/^5\./), language_info: { name: 'python' } },
    });
  });

  it('says busy and idle exactly once per request, and answers user expressions (K04, K25)', async () => {
    const messages = await exchange(kernel, request('once', '1'));

    const states = messages.filter(({ header }) => header.msg_type === 'status').map(({ content }) => content.execution_state);
    expect(states).toEqual(['busy', 'idle']);
    expect(messages.find(({ channel }) => channel === 'shell')?.content).toMatchObject({ user_expressions: { two: { data: { 'text/plain': '2' } } } });
  });

  it.each([
    ['silent', { silent: true, store_history: false }, false, 0], ['without history', { silent: false, store_history: false }, true, 0],
    ['with history', { silent: false, store_history: true }, true, 1],
  ])('echoes and counts a cell %s (K05)', async (title, change, isEchoed, counted) => {
    const countOf = async (id: string): Promise<number> => Number((await exchange(kernel, request(id, '0'))).find(({ channel }) => channel === 'shell')?.content.execution_count);
    const before = await countOf(`${title} before`);
    const message = request(title, '5');

    const messages = await exchange(kernel, { ...message, content: { ...message.content, ...change } });

    expect(messages.some(({ header }) => header.msg_type === 'execute_input')).toBe(isEchoed);
    expect(await countOf(`${title} after`)).toBe(before + 1 + counted);
  });

  it('tells the tail of the history (K13)', async () => {
    await exchange(kernel, request('remembered', '"to be remembered"'));
    const ask = { ...request('history', ''), content: { hist_access_type: 'tail', n: 3, output: false, raw: true } };

    const messages = await exchange(kernel, { ...ask, header: { ...ask.header, msg_type: 'history_request' } });

    expect(JSON.stringify(messages.find(({ channel }) => channel === 'shell')?.content.history)).toContain('to be remembered');
  });

  it('closes a comm whose target nobody knows (K14)', async () => {
    const message = request('comm', '');
    const closed = Promise.withResolvers<JupyterMessage>();
    using _listening = kernel.onMessage((each) => { if (each.header.msg_type === 'comm_close') closed.resolve(each); });

    await kernel.send({ ...message, header: { ...message.header, msg_type: 'comm_open' }, content: { comm_id: 'lost', target_name: 'nobody', data: {} } });

    expect((await closed.promise).content.comm_id).toBe('lost');
  });

  it('drops and counts messages that are not signed with its key (E69)', async () => {
    const code = `import zmq
app = get_ipython().kernel.parent
forged = app.context.socket(zmq.DEALER)
forged.connect("inproc://sidecar-shell")
forged.send_multipart([b"<IDS|MSG>", b"0" * 64, b'{"msg_id":"x","msg_type":"execute_request"}', b"{}", b"{}", b'{"code":"planted = 1"}'])
import time; time.sleep(0.2)`;

    await exchange(kernel, request('forge', code));
    const messages = await exchange(kernel, request('look', '"planted" in globals()'));

    expect(messages.find(({ header }) => header.msg_type === 'execute_result')?.content.data).toEqual({ 'text/plain': 'False' });
  });

  it('keeps a flood within bounds and at no cost while the host does not read for 4 s, and stays interruptible (K30)', async () => {
    const { stdout } = kernel.child;
    const interrupted = exchange(kernel, request('flood', 'while True: print("x" * 999)'));
    await new Promise<void>((resolve) => { stdout.once('data', () => resolve()); });
    stdout.pause();
    const before = await pressure(kernel);
    // On a busy machine it takes a while until all that may wait is full; from then on it costs nothing.
    await passing(2_000);
    let idle = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 10 && idle >= 300; round += 1) {
      const busy = processorMs(kernel);
      await passing(2_000);
      idle = processorMs(kernel) - busy;
    }
    const after = await pressure(kernel);

    await kernel.interrupt();
    stdout.resume();

    const reply = (await interrupted).find(({ channel }) => channel === 'shell');
    expect(after - before).toBeLessThan(48 * MIB);
    expect(idle).toBeLessThan(300);
    expect(reply?.content).toMatchObject({ status: 'error', ename: 'KeyboardInterrupt' });
  });

  it('shuts down in order with exit code 0 (K20)', async () => {
    await kernel.shutdown(60_000);

    expect(await kernel.gone).toMatchObject({ reason: 'cancelled', exitCode: 0, signal: null });
  });
});

/** The case is about time passing: a host that does not read. */
const passing = async (ms: number): Promise<void> => { await new Promise((resolve) => { setTimeout(resolve, ms); }); };

/** Processor time that the kernel's tree has used, from the system's own books; their unit is 10 ms. */
function processorMs(kernel: PipeConnection): number {
  const ticks = treeOf(kernel).map((pid) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /, '').split(' ');
    return Number(fields[11]) + Number(fields[12]);
  });
  return ticks.reduce((sum, each) => sum + each, 0) * 10;
}

function treeOf(kernel: PipeConnection): number[] {
  const tree = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  const members = new Set([kernel.pid]);
  for (let round = 0; round < 4; round += 1) for (const [pid = 0, parent = 0] of tree) if (members.has(parent)) members.add(pid);
  return [...members];
}

/** Peak memory of the kernel's tree so far, from the system's own books. */
async function pressure(kernel: PipeConnection): Promise<number> {
  const members = new Set(treeOf(kernel));
  const sizes = execFileSync('ps', ['-eo', 'pid=,rss='], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return sizes.filter(([pid = 0]) => members.has(pid)).reduce((sum, [, kib = 0]) => sum + kib * 1024, 0);
}

describe('odd messages', () => {
  it('ends a cell once, whatever it forges on iopub (K23, E71)', async () => {
    const session = bench.session('odd');
    const code = `kernel = get_ipython().kernel
parent = kernel.get_parent("shell")
kernel.session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=parent, ident=b"status")
kernel.session.send(kernel.iopub_socket, "stream", {"name": "stdout", "text": "unknown parent"}, parent={"header": {"msg_id": "nobody"}}, ident=b"stream")
kernel.session.send(kernel.iopub_socket, "execute_reply", {"status": "ok"}, parent=parent, ident=b"x")
print("after")`;

    const answer = await bench.run(session, code);

    expect(answer).toMatchObject({ success: true, stdout: 'after\n' });
    expect((await bench.run(session, '1')).result_repr).toBe('1');
  });

  it('gives output of a thread that outlives its cell to nobody, and the next cell is right (K23)', async () => {
    const session = bench.session('late');
    await bench.run(session, 'import threading, time\ndef later():\n    time.sleep(0.3)\n    print("late")\nthreading.Thread(target=later).start()');

    const answer = await bench.run(session, 'import time; time.sleep(0.6); "mine"');

    expect([answer.result_repr, answer.success]).toEqual(["'mine'", true]);
  });
});
