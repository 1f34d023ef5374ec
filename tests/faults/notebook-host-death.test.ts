import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { startSidecar } from '../support/sidecar-process.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const MARK = 'a-mark-in-the-arguments-of-a-child';

/** Processes of the machine whose arguments carry the text. */
function processesWith(text: string): string[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => line.includes(text) && !line.includes('ps -eo'));
}

it('ends kernel and children with a host that is killed in a cell, and tells the truth at the next start (K40, E55)', async () => {
  await using folder = await createTemporaryFolder('host-death');
  const first = await startSidecar({ sessionsDir: folder.path });
  const session = await first.create();
  const mark = `${MARK}-${process.pid}`;
  await first.call('POST', `/api/session/${session}/notebook/cell/run`, { code: 'kept = 1' });
  const answered = fetch(`${first.url}/api/session/${session}/notebook/cell/stream`, {
    method: 'POST', headers: { authorization: `Bearer ${first.token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ code: `import subprocess, sys\nchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", "${mark}"], start_new_session=True)\nprint("go", flush=True)\nchild.wait()`, timeout_seconds: 300 }),
  });
  const reader = (await answered).body!.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; !text.includes('go\\n');) text += (await reader.read()).value ?? '';
  const running = processesWith(mark).length;

  await first.kill('SIGKILL');
  await expect.poll(() => processesWith(mark), { timeout: 20_000 }).toEqual([]);
  await using second = await startSidecar({ sessionsDir: folder.path });
  const { body: executions } = await second.call('GET', `/api/session/${session}/executions?lane=notebook`);
  const { body: status } = await second.call('GET', `/api/session/${session}/notebook/status`);
  const { body: next } = await second.call('POST', `/api/session/${session}/notebook/cell/run`, { code: '"kept" in globals()' });

  expect(running).toBeGreaterThan(0);
  expect(executions.executions[0]).toMatchObject({ lane: 'notebook', reason: 'worker_lost' });
  expect(status.state).toBe('none');
  expect(next).toMatchObject({ success: true, result_repr: 'False', state_lost: true });
});
