import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/config/index.ts';
import type { CellAnswer } from '../../src/contracts/index.ts';
import { openNotebookBench } from '../support/notebook-bench.ts';
import type { BenchOptions, NotebookBench } from '../support/notebook-bench.ts';
import { openScriptedGateway } from '../support/scripted-gateway.ts';
import type { GatewayScript, ScriptedGateway, Talk } from '../support/scripted-gateway.ts';

const TOKEN = 'a-token-for-the-gateway';
/** Short waits: what they separate is told by the script, not by the time. */
const TIMES = { callMs: 2_000, askMs: 20, firstPauseMs: 20, longestPauseMs: 40, giveUpMs: 20_000, silenceMs: 300, lookMs: 20, confirmMs: 20_000, stopMs: 2_000 };

type Gateway = NonNullable<BenchOptions['gateway']>;

async function openRemote(script: GatewayScript, change: { times?: BenchOptions['gatewayTimes']; settings?: Partial<Gateway>; clock?: Clock } = {}): Promise<AsyncDisposable & { gateway: ScriptedGateway; bench: NotebookBench; run(code: string): Promise<CellAnswer> }> {
  const gateway = await openScriptedGateway(script);
  const bench = await openNotebookBench({
    gateway: { url: gateway.url, token: TOKEN, authScheme: 'token', environment: {}, files: { mode: 'none' }, ...change.settings },
    times: { pingMs: 20, settleMs: 40, ladderStepMs: 500 }, gatewayTimes: { ...TIMES, ...change.times },
    ...(change.clock === undefined ? {} : { clock: change.clock }),
  });
  bench.session('s');
  return {
    gateway, bench, run: async (code) => await bench.run('s', code),
    [Symbol.asyncDispose]: async () => {
      await bench[Symbol.asyncDispose]();
      await gateway[Symbol.asyncDispose]();
    },
  };
}

/** A clock that stands still unless it is told to go on: silence is counted in questions, not in the machine's time. */
function createHandClock(): Clock & { pass(ms: number): void } {
  let passed = 0;
  return { now: () => new Date(), monotonicMs: () => passed, pass: (ms) => { passed += ms; } };
}

const gatewayOf = (bench: NotebookBench) => bench.notebooks.status('s').gateway!;
const LOST = { success: false, reason: 'worker_lost', state_lost: true, error: { ename: 'KernelDied' } };

describe('a start on a gateway', () => {
  it('tells the gateway the settings of its operator, the time for the launch, the mounted workspace, and nothing else', async () => {
    await using remote = await openRemote({}, { settings: { environment: { TEAM: 'a', KERNEL_DEPTH: '2' }, files: { mode: 'shared', remotePath: '/mnt/work/' } } });

    await remote.run('1');

    const [body] = remote.gateway.posts;
    expect(body).toEqual({
      name: 'python3', kernel_id: expect.any(String),
      env: { KERNEL_TEAM: 'a', KERNEL_DEPTH: '2', KERNEL_ID: body.kernel_id, KERNEL_LAUNCH_TIMEOUT: '115', KERNEL_WORKING_DIR: '/mnt/work/s/user_workspace' },
    });
  });

  it('has its limit 5 s above the launch timeout that the operator sets', async () => {
    await using remote = await openRemote({}, { settings: { environment: { LAUNCH_TIMEOUT: '240' } } });

    await remote.run('1');

    expect([remote.gateway.posts[0].env.KERNEL_LAUNCH_TIMEOUT, gatewayOf(remote.bench).start?.limit_ms]).toEqual(['240', 245_000]);
  });

  it('shows its steps while a slow gateway works', async () => {
    const asked = Promise.withResolvers<() => void>();
    await using remote = await openRemote({ post: ({ answer }) => asked.resolve(answer) });
    const running = remote.run('1');
    const answer = await asked.promise;
    const status = remote.bench.notebooks.status('s');

    answer();

    expect(status).toMatchObject({ state: 'starting', origin: 'gateway', gateway: { start: { requested_ms: 0, created_ms: null, connected_ms: null, ready_ms: null } } });
    expect(await running).toMatchObject({ success: true });
    const { start, state } = gatewayOf(remote.bench);
    const steps = [start!.requested_ms, start!.created_ms!, start!.connected_ms!, start!.ready_ms!];
    expect([state, steps]).toEqual(['ready', steps.toSorted((left, right) => left - right)]);
  });

  it('ends at its limit with the cause and the way out, and a kernel that comes late is ended', async () => {
    let make: (() => void) | null = null;
    await using remote = await openRemote({
      post: (request) => { make = request.make; },
      // It comes after the gateway has said that it is not there.
      end: (id) => {
        if (remote.gateway.kernels.has(id)) return null;
        setImmediate(() => make!());
        return 404;
      },
    }, { times: { readyMs: 300 } });

    const answer = await remote.run('1');

    expect(answer).toMatchObject({ success: false, reason: 'worker_lost', detail: 'the gateway made no kernel within 0.3 s' });
    expect(answer.error!.traceback.join('\n')).toContain('KERNEL_LAUNCH_TIMEOUT');
    expect(gatewayOf(remote.bench)).toMatchObject({ state: 'slow', start: { created_ms: null, limit_ms: 300 } });
    await expect.poll(() => [remote.gateway.seen.filter((line) => line.startsWith('DELETE')).length, remote.gateway.kernels.size]).toEqual([2, 0]);
  });

  it.each([
    ['401', 401, 'refused', 'SIDECAR_KERNEL_GATEWAY_TOKEN'], ['403', 403, 'forbidden', 'operator'], ['500', 500, 'failing', 'log'],
    ['307', 307, 'redirected', 'SIDECAR_KERNEL_GATEWAY_URL'],
  ])('that is answered with %s says what is wrong and what to do, and the session can go on', async (_title, status, state, fix) => {
    let isWell = false;
    await using remote = await openRemote({ post: ({ answer, response }) => { if (isWell) answer(); else response.writeHead(status, { location: 'http://127.0.0.1:9/' }).end('{}'); } });

    const answer = await remote.run('1');
    const told = gatewayOf(remote.bench);
    isWell = true;

    expect(answer).toMatchObject({ success: false, reason: 'worker_lost', detail: expect.stringContaining(String(status)) });
    expect(told).toMatchObject({ state, fix: expect.stringContaining(fix) });
    expect(answer.error!.traceback.join('\n')).toContain(fix);
    expect(JSON.stringify([answer, told])).not.toContain(TOKEN);
    expect(await remote.run('1')).toMatchObject({ success: true });
    expect(gatewayOf(remote.bench).state).toBe('ready');
  });

  it.each([['401', 401, 'refused'], ['403', 403, 'forbidden'], ['302', 302, 'redirected']])('whose socket is answered with %s is refused at once, and leaves no kernel', async (_title, status, state) => {
    await using elsewhere = await openScriptedGateway();
    await using remote = await openRemote({ handshake: () => ({ status, headers: { location: `${elsewhere.url}/api/kernels/x/channels` } }) });

    const answer = await remote.run('1');

    expect([answer.detail, gatewayOf(remote.bench).state]).toEqual([expect.stringContaining(String(status)), state]);
    expect(elsewhere.seen).toEqual([]);
    await expect.poll(() => remote.gateway.kernels.size).toBe(0);
  });

  it('that is answered without end is cut off', async () => {
    const block = Buffer.alloc(1024 * 1024, ' ');
    await using remote = await openRemote({ post: ({ response }) => {
      response.writeHead(201);
      const pour = (): void => { while (!response.destroyed && response.write(block)); };
      response.on('drain', pour);
      pour();
    } });

    expect(await remote.run('1')).toMatchObject({ success: false, reason: 'worker_lost', detail: 'the gateway\'s answer is too long' });
  });
});

describe('a cell behind a gateway', () => {
  it('takes a repeated message once, passes foreign ones over, and may be idle before its reply', async () => {
    await using remote = await openRemote({ execute: (talk) => {
      talk.stream('a', `one-${talk.count}`);
      talk.stream('a', `one-${talk.count}`);
      talk.send('iopub', 'stream', { name: 'stdout', text: 'foreign' }, { parent: { msg_id: 'nobody' } });
      talk.send('iopub', 'status', { execution_state: 'idle' });
      for (const id of ['reply', 'reply', 'another']) talk.send('shell', 'execute_reply', { status: 'ok', execution_count: talk.count }, { id: `${id}-${talk.count}` });
      talk.stream('late');
    } });

    const answers = [await remote.run('1'), await remote.run('2')];

    expect(answers.map(({ success, stdout, execution_count: count, reason }) => [success, stdout.startsWith('a'), stdout.includes('foreign'), stdout.includes('aa'), count, reason]))
      .toEqual([[true, true, false, false, 1, 'ok'], [true, true, false, false, 2, 'ok']]);
  });

  it('that lost its connection goes on while the kernel answers, however long it is silent', async () => {
    let open: Talk | null = null;
    let asked = 0;
    const clock = createHandClock();
    await using remote = await openRemote({
      execute: (talk) => {
        open = talk;
        remote.gateway.kernels.set(talk.kernelId, 'busy');
        talk.stream('before ');
        setImmediate(() => talk.cut());
      },
      // Asked again and again after the cut: thirty answers take ten times the silence that would end a dead one.
      control: (answer) => {
        clock.pass(100);
        answer();
        asked += 1;
        if (asked !== 30) return;
        const parent = open!.request.header;
        remote.gateway.say('iopub', 'stream', { name: 'stdout', text: 'nobody\'s' });
        for (const [channel, type, content] of [['iopub', 'stream', { name: 'stdout', text: 'after' }], ['shell', 'execute_reply', { status: 'ok', execution_count: 1 }], ['iopub', 'status', { execution_state: 'idle' }]] as const) {
          remote.gateway.sayTo(parent, channel, type, content);
        }
      },
    }, { clock });

    expect(await remote.run('1')).toMatchObject({ success: true, stdout: 'before after', state_lost: false });
  });

  it.each([
    ['nothing more comes', 'busy', () => undefined], ['its reply was lost', 'idle', (answer: () => void) => answer()],
  ] as const)('that lost its connection is lost after the silence when %s', async (_title, state, control) => {
    const clock = createHandClock();
    const hear = (answer: () => void): void => {
      clock.pass(100);
      control(answer);
    };
    await using remote = await openRemote({ control: hear, execute: (talk) => {
      if (talk.code !== 'cut') return talk.finish();
      remote.gateway.kernels.set(talk.kernelId, state);
      setImmediate(() => talk.cut());
    } }, { clock });
    await remote.run('x = 1');

    expect(await remote.run('cut')).toMatchObject({ ...LOST, detail: 'silent' });
    expect(await remote.run('2')).toMatchObject({ success: true, state_lost: true, execution_count: 1 });
    await expect.poll(() => remote.gateway.kernels.size).toBe(1);
  });

  it.each([
    ['is ended', 'shutdown_reply', { status: 'ok', restart: false }, 'culled'], ['is restarted', 'shutdown_reply', { status: 'ok', restart: true }, 'restarted'],
    ['dies', 'status', { execution_state: 'restarting' }, 'died'], ['is another process', 'status', { execution_state: 'starting' }, 'restarted'],
  ])('whose kernel %s there says so itself, and leaves nothing', async (_title, type, content, detail) => {
    await using remote = await openRemote({ execute: (talk) => {
      if (talk.code !== 'lose') return talk.finish();
      talk.send('iopub', type, content, { session: 'another-session' });
      talk.send('iopub', 'error', { ename: 'KeyboardInterrupt', evalue: '', traceback: [] });
      talk.send('iopub', 'status', { execution_state: 'idle' });
    } });
    await remote.run('x = 1');

    expect(await remote.run('lose')).toMatchObject({ ...LOST, detail });
    expect(await remote.run('2')).toMatchObject({ success: true, state_lost: true });
    await expect.poll(() => [...remote.gateway.kernels.keys()]).toEqual([remote.gateway.posts.at(-1).kernel_id]);
  });

  it.each([['without a reply', false], ['with an interrupt that nobody asked for', true]])('that ends %s is lost when REST does not know its kernel any more', async (_title, hasReply) => {
    await using remote = await openRemote({
      control: () => undefined,
      execute: (talk) => {
        if (talk.code !== 'lose') return talk.finish();
        if (hasReply) talk.send('shell', 'execute_reply', { status: 'error', ename: 'KeyboardInterrupt', evalue: '', traceback: [] });
        talk.send('iopub', 'status', { execution_state: 'idle' });
        // The gateway still knows the kernel while it ends it.
        setImmediate(() => remote.gateway.kernels.delete(talk.kernelId));
      },
    });
    await remote.run('x = 1');

    expect(await remote.run('lose')).toMatchObject({ ...LOST, detail: 'culled' });
  });

  it('that somebody else interrupts is cancelled, and keeps its kernel', async () => {
    await using remote = await openRemote({ execute: (talk) => {
      if (talk.code !== 'stop') return talk.finish();
      talk.send('shell', 'execute_reply', { status: 'error', ename: 'KeyboardInterrupt', evalue: '', traceback: [] });
      talk.send('iopub', 'status', { execution_state: 'idle' });
    } });

    expect(await remote.run('stop')).toMatchObject({ success: false, reason: 'error', state_lost: false });
    expect(await remote.run('1')).toMatchObject({ success: true, state_lost: false, execution_count: 2 });
  });

  it.each([
    ['no JSON', '{'], ['a list', '[]'], ['a header without ids', '{"channel":"iopub","header":{},"parent_header":{},"metadata":{},"content":{}}'],
    ['an unknown channel', '{"channel":"root","header":{"msg_id":"a","msg_type":"b"},"parent_header":{},"content":{}}'],
    ['buffers that lie about their size', Buffer.from([0, 0, 0, 2, 0, 0, 0, 12, 255, 255, 255, 255])],
  ])('ends with its kernel when the gateway sends %s', async (_title, bytes) => {
    await using remote = await openRemote({ execute: (talk) => (talk.code === 'bad' ? talk.sendRaw(bytes) : talk.finish()) });
    await remote.run('x = 1');

    expect(await remote.run('bad')).toMatchObject({ ...LOST, detail: 'protocol' });
    expect(await remote.run('1')).toMatchObject({ success: true });
  });

  it('is not harmed by keys of the prototype and deep nesting', async () => {
    await using remote = await openRemote({ execute: (talk) => {
      const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`;
      const header = JSON.stringify({ ...talk.request.header, msg_id: 'h', msg_type: 'comm_msg' });
      talk.sendRaw(`{"channel":"iopub","header":${header},"parent_header":${JSON.stringify(talk.request.header)},"metadata":{"__proto__":{"polluted":1}},"content":{"__proto__":{"polluted":1},"deep":${deep}}}`);
      talk.finish();
    } });

    expect(await remote.run('1')).toMatchObject({ success: true });
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('counts a message over the bound as cut output, and goes on through a new connection', async () => {
    await using remote = await openRemote({ execute: (talk) => {
      talk.sendRaw(Buffer.alloc(65 * 1024 * 1024));
      void until(() => remote.gateway.sockets() === 0).then(() => until(() => remote.gateway.sockets() === 1)).then(() => {
        remote.gateway.sayTo(talk.request.header, 'shell', 'execute_reply', { status: 'ok', execution_count: 1 });
        remote.gateway.sayTo(talk.request.header, 'iopub', 'status', { execution_state: 'idle' });
      });
    } }, { clock: createHandClock() });

    expect(await remote.run('1')).toMatchObject({ success: true, reason: 'output_limit', dropped: { displays: 1 } });
  });

  it('shows the notice of the gateway\'s rate limit as cut output', async () => {
    await using remote = await openRemote({ execute: (talk) => {
      const [handshake] = remote.gateway.seen.filter((line) => line.includes('/channels'));
      const session = /session_id=([\w-]+)/.exec(handshake!)![1]!;
      talk.send('iopub', 'stream', { name: 'stderr', text: 'IOPub message rate exceeded.\nThe server will temporarily stop sending output\n' }, { session });
      talk.finish();
    } });

    expect(await remote.run('1')).toMatchObject({ success: true, reason: 'output_limit', stderr: expect.stringContaining('rate exceeded') });
  });

  it('that prints the same words as that notice is not cut', async () => {
    await using remote = await openRemote({ execute: (talk) => {
      talk.stream('IOPub message rate exceeded.');
      talk.finish();
    } });

    expect(await remote.run('1')).toMatchObject({ success: true, reason: 'ok' });
  });
});

describe('an idle kernel behind a gateway', () => {
  it('that is culled there is not restarted; the next cell starts one and says that the state is lost', async () => {
    await using remote = await openRemote({});
    await remote.run('x = 1');
    const [id] = remote.gateway.kernels.keys();

    remote.gateway.kernels.delete(id!);
    remote.gateway.say('iopub', 'shutdown_reply', { status: 'ok', restart: false });

    await expect.poll(() => remote.bench.notebooks.status('s').state).toBe('none');
    expect(remote.gateway.posts).toHaveLength(1);
    expect(await remote.run('1')).toMatchObject({ success: true, state_lost: true, execution_count: 1 });
  });

  it('that went without a word is noticed before the next cell, which runs in a new one', async () => {
    await using remote = await openRemote({}, { times: { lookMs: 0 } });
    await remote.run('x = 1');

    remote.gateway.kernels.clear();

    expect(await remote.run('1')).toMatchObject({ success: true, state_lost: true, execution_count: 1 });
    expect(remote.gateway.posts).toHaveLength(2);
  });

  it('is ended again until its gateway lets go of it', async () => {
    let refused = 0;
    await using remote = await openRemote({ end: () => {
      refused += 1;
      return refused <= 4 ? 500 : null;
    } });
    await remote.run('x = 1');

    await remote.bench.notebooks.endSession('s');

    await expect.poll(() => [refused, remote.gateway.kernels.size]).toEqual([5, 0]);
  });
});

/** Resolves when the condition holds; the test's own time bounds it. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => { setImmediate(resolve); });
}
