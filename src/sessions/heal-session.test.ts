import { DatabaseSync } from 'node:sqlite';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CHAPTER, openBench } from './sessions-bench.test-support.ts';

it.each(['state', 'packet', 'digest'])('derives a damaged %s again and keeps the session usable', async (column) => {
  await using bench = await openBench();
  await bench.sessions.create({ chapter_id: CHAPTER, session_id: 's1' });
  bench.commitTurn('s1', { user: 'a', companion: 'b' });
  const before = bench.store.sessions.get('s1')!;
  const database = new DatabaseSync(join(bench.dir, 'sidecar.db'));
  database.prepare(`UPDATE sessions SET ${column} = '{"broken":' WHERE session_id = 's1'`).run();
  database.close();

  await bench.sessions.ensureKnown('s1');

  const row = bench.store.sessions.get('s1')!;
  expect(row.damaged).toBeUndefined();
  expect(Object.keys(row.state.subtask_status)).toEqual(Object.keys(before.state.subtask_status));
  expect(row.state.turn_index).toBe(1);
  expect(row.packet.current_focus).not.toBe('');
  expect(bench.sessions.skip('s1', {}).skipped_task_id).toBe('load_table');
});
