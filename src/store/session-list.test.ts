import { expect, it } from 'vitest';
import { silentLog, systemClock } from '../config/index.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { sampleSession } from '../../tests/support/store-rows.ts';
import { openStore } from './index.ts';

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
