import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startBackendServer } from '../support/backend-server.ts';
import { planReply, structured } from '../support/provider/index.ts';
import { CA, GREETING, RMA, scriptQuietly, scriptUnlock, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { expectOrder } from '../support/turn-order.ts';

const CHAPTER = 'python_first_steps/ch1_reading_a_table';
let tutor: Tutor;
beforeAll(async () => { tutor = await startTutor(); });
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

/** Writes a session folder as the shipped desktop does: compact JSON, turns as numbered files. */
async function writeFolder(sessionId: string, files: Readonly<Record<string, unknown>>, turns: readonly (readonly [string, string])[]): Promise<void> {
  const folder = join(tutor.sessionsDir, sessionId);
  await mkdir(join(folder, 'turns'), { recursive: true });
  for (const [name, content] of Object.entries(files)) await writeFile(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  for (const [index, [user, companion]] of turns.entries()) {
    const number = String(index).padStart(3, '0');
    await writeFile(join(folder, 'turns', `${number}_user.txt`), user);
    await writeFile(join(folder, 'turns', `${number}_companion.txt`), companion);
    await writeFile(join(folder, 'turns', `${number}_turn_outcome.json`), '{}');
  }
}

const bareState = (sessionId: string) => ({
  session_id: sessionId, chapter_id: CHAPTER, turn_index: 2, subtask_status: {}, end_suggested: false, end_confirmed: false,
  current_instruction_version: 0, constraints: {}, attempts_since_last_progress: 0, last_progress_turn: 0,
});
const TURNS = [[GREETING, 'Welcome!'], ['What is a table?', 'Rows and columns.']] as const;

describe('a folder that the desktop restored', () => {
  it.each([
    ['with nothing but a bare state', (id: string): Record<string, unknown> => ({ 'session_state.json': bareState(id) })],
    ['whose state names another session', () => ({ 'session_state.json': bareState('somebody-else') })],
    ['with a packet of the older form and damaged memory', (id: string) => ({
      'session_state.json': { ...bareState(id), current_instruction_version: 4, subtask_status: { load_table: 'in_progress', gone: { status: 'completed' } } },
      'instruction_packet.json': { current_focus: 'the shape', guidance_for_ca: 'ask', must_check: ['shape', 'head', 'tail'], instruction_version: 3 },
      'memo_digest.json': '{"key_observations": "reads well"', 'dynamic_report.md': '## Old\n', 'student_error_summary.json': '# plain text\n',
    })],
    ['without a readable state', () => ({ 'session_state.json': '{' })],
  ])('%s is listed, reattached, read, continued, skipped and reported', async (title, files) => {
    tutor.provider.reset();
    scriptQuietly(tutor.provider);
    const id = `restored-${title.length}`;
    await writeFolder(id, files(id), TURNS);

    const reattached = await tutor.sidecar.call('POST', `/api/session/${id}/reattach`, { desktop_context: { chapter_scope: { chapter_id: CHAPTER } } });
    const history = await tutor.history(id);
    const imported = await tutor.state(id);
    expect([reattached.status, reattached.body]).toMatchObject([200, { imported: true, turn_index: 2 }]);
    expect(history.map((past) => [past.user_message, past.companion_response])).toEqual(TURNS.map((turn) => [...turn]));
    expect(history[1].turn_outcome).toMatchObject({ checkpoint_reached: false, student_sentiment: 'engaged' });
    expect(imported).toMatchObject({ session_id: id, turn_index: 2, current_subtask_id: 'load_table' });
    expect(await tutor.report(id)).toContain('## ');

    expectOrder(await tutor.sidecar.turn(id, 'Let us go on.'), 'locked');
    expect(tutor.provider.requests.find((request) => request.model === CA)!.text).toContain('Rows and columns.');
    scriptUnlock(tutor.provider, { judgement: { checkpoint: true } });
    tutor.provider.script(RMA, structured(planReply({ packet: { current_focus: 'the second step' } })));
    expectOrder(await tutor.sidecar.turn(id, 'done'), 'unlocked');
    const planned = await tutor.state(id);
    expect(planned).toMatchObject({ turn_index: 4, current_instruction_version: imported.current_instruction_version + 1 });
    const skip = await tutor.sidecar.call('POST', `/api/session/${id}/skip-task`, { reason: '太难了' });
    expect(skip.body).toMatchObject({ skipped_task_id: 'load_table', next_task_id: 'describe_columns' });
    expect(await tutor.report(id)).toMatch(/skipped/i);
    const { body } = await tutor.sidecar.call('GET', '/api/sessions');
    expect(body.sessions.map((row: any) => row.session_id)).toContain(id);
    await tutor.restart();
    expect(await tutor.history(id)).toHaveLength(4);
  });

  it('is found by the message itself, and its new turns alone go to the backend', async () => {
    await using backend = await startBackendServer();
    const sent = Promise.withResolvers<void>();
    backend.reply = (request) => {
      if (request.path.endsWith('/report')) sent.resolve();
      return { status: 201 };
    };
    await writeFolder('found', { 'session_state.json': bareState('found') }, TURNS);

    expectOrder(await tutor.sidecar.turn('found', 'Let us go on.'), 'locked');
    await tutor.sidecar.call('POST', '/api/session/found/reattach', { backend_url: backend.url, auth_token: 'token' });
    await sent.promise;

    expect([...backend.turns.get('/v1/sessions/found/turns')!]).toEqual([[2, 'Let us go on.']]);
    expect(backend.documents.get('/v1/sessions/found/memory')).toMatchObject({ agent_state: { session_state: { session_id: 'found', turn_index: 3 } } });
  });

  it('without a chapter that exists can be read, and a turn says what is missing', async () => {
    await writeFolder('homeless', { 'session_state.json': { ...bareState('homeless'), chapter_id: 'nowhere/at_all' } }, TURNS);

    const events = await tutor.sidecar.turn('homeless', 'Hello?');

    expectOrder(events, 'contentMissing');
    expect(await tutor.history('homeless')).toHaveLength(2);
  });
});
