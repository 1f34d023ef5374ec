import { expect, it } from 'vitest';
import { silentLog, systemClock } from '../config/index.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { sampleSession } from '../../tests/support/store-rows.ts';
import { openStore } from './index.ts';

it.each([
  ['its own id, completed by the scope', 'c1/ch_1', { chapter_scope: { chapter_id: 'ch_1', scope_id: 'c1/ch_1' } }, 'ch_1'],
  ['both parts, without a scope', 'c1/ch_1', null, 'c1/ch_1'],
  ['both parts, as the scope says them', 'c1/ch_1', { chapter_scope: { chapter_id: 'c1/ch_1' } }, 'c1/ch_1'],
  ['both parts, with the scope of something else', 'c1/ch_1', { chapter_scope: { chapter_id: 'ch_2' } }, 'c1/ch_1'],
  ['one part', 'ch_1', { chapter_scope: { chapter_id: 'ch_1' } }, 'ch_1'],
])('lists a chapter as the app names it: %s', async (_title, stored, context, listed) => {
  await using folder = await createTemporaryFolder('store');
  const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  store.sessions.insert(sampleSession('s1', { chapter_id: stored, desktop_context: context }));

  const rows = [store.sessions.list({}), store.sessions.list({ chapterId: 'c1/ch_1' }), store.sessions.list({ chapterId: stored })].map(([row]) => row?.chapter_id);
  store.close();

  expect(rows).toEqual([listed, stored === 'c1/ch_1' ? listed : undefined, listed]);
});

it.each([
  ['a bare id finds it in every course, and nothing that only looks alike', 'ch_1', ['s1', 's2']],
  ['a full id finds that chapter alone', 'c1/ch_1', ['s2']],
  ['an unknown id finds nothing', 'ch', []],
])('lists sessions by chapter: %s', async (_title, chapterId, expected) => {
  await using folder = await createTemporaryFolder('store');
  const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
  for (const [id, chapter] of [['s1', 'ch_1'], ['s2', 'c1/ch_1'], ['s3', 'c1/chx1'], ['s4', 'c1/xch_1']] as const) {
    store.sessions.insert(sampleSession(id, { chapter_id: chapter }));
  }

  const found = store.sessions.list({ chapterId }).map((row) => row.session_id).toSorted();
  store.close();

  expect(found).toEqual(expected);
});
