import { watch } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startSidecar } from '../support/sidecar-process.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';

const TURNS = 200;
const CHAPTER = 'python_first_steps/ch1_reading_a_table';

/** A folder as the desktop restores it, with enough turns that an import takes its time. */
async function writeFolder(sessionsDir: string, sessionId: string): Promise<void> {
  const folder = join(sessionsDir, sessionId);
  await mkdir(join(folder, 'turns'), { recursive: true });
  await writeFile(join(folder, 'session_state.json'), JSON.stringify({ session_id: sessionId, chapter_id: CHAPTER, turn_index: TURNS, subtask_status: {} }));
  for (let index = 0; index < TURNS; index += 1) {
    const number = String(index).padStart(3, '0');
    await writeFile(join(folder, 'turns', `${number}_user.txt`), `question ${index}`);
    await writeFile(join(folder, 'turns', `${number}_companion.txt`), `answer ${index} ${'x'.repeat(2_000)}`);
  }
}

/** Resolves with the given number of changes below a folder, or with `otherwise`. */
async function changesOf(folder: string, count: number, otherwise: Promise<unknown>): Promise<void> {
  if (count === 0) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = count;
  const watcher = watch(folder, () => {
    left -= 1;
    if (left === 0) resolve();
  });
  await Promise.race([promise, otherwise]);
  watcher.close();
}

describe('a process that is killed while it imports a folder', () => {
  it.each([0, 1, 2, 4, 8, 16, 1_000])('has all of the import or nothing, and the next start goes on with it: at change %i', async (changes) => {
    await using folder = await createTemporaryFolder('kill-import');
    const sessionsDir = folder.join('sessions');
    const first = await startSidecar({ sessionsDir });
    await writeFolder(sessionsDir, 'r1');
    const answered = first.call('POST', '/api/session/r1/reattach', {}).catch(() => null);
    await changesOf(sessionsDir, changes, answered);
    await first.kill('SIGKILL');
    await answered;

    await using second = await startSidecar({ sessionsDir });
    const { body: history } = await second.call('GET', '/api/session/r1/history');
    const { body: { state } } = await second.call('GET', '/api/session/r1/state');
    const events = await second.turn('r1', 'Where was I?');

    expect(history.turns.map((turn: { turn_index: number }) => turn.turn_index)).toEqual(Array.from({ length: TURNS }, (_value, index) => index));
    expect(state).toMatchObject({ session_id: 'r1', chapter_id: CHAPTER, turn_index: TURNS });
    expect(events.at(-1)).toMatchObject({ type: 'complete', turn_index: TURNS + 1 });
    expect((await readdir(sessionsDir)).filter((name) => /^\.(new|trash)/.test(name))).toEqual([]);
  });
});
