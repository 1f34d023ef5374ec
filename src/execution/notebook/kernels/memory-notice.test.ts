import { expect, it } from 'vitest';
import { MemoryNotice } from './memory-notice.ts';

const GIB = 1024 ** 3;

it('speaks once at four fifths of the limit, and again only after it was well below', () => {
  const notice = new MemoryNotice('en');
  const told = [0.79, 0.8, 0.9, 0.75, 0.85, 0.69, 0.8].map((share) => notice.note(share * 4 * GIB, 4 * GIB) !== null);

  expect(told).toEqual([false, true, false, false, false, false, true]);
  expect(notice.text).toBe('The kernel uses 3.2 of its 4.0 GB of memory; beyond that it is ended. Delete what is no longer needed, or restart it.');
});

it('says nothing where use or limit is not known, and forgets with the process', () => {
  const notice = new MemoryNotice('zh');

  expect([notice.note(null, GIB), notice.note(GIB, null), notice.text]).toEqual([null, null, null]);
  notice.note(GIB, GIB);
  notice.clear();
  expect(notice.text).toBeNull();
});
