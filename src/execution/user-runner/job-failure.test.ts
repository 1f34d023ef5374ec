import { expect, it } from 'vitest';
import { describeError, SidecarError } from '../../contracts/index.ts';
import { keepFailure, readFailure } from './job-failure.ts';

it.each([
  new SidecarError('QUEUE_FULL', 'no slot'), new SidecarError('LANE_REFUSED', 'no', { detail: 'no bwrap' }),
  new SidecarError('QUOTA_EXCEEDED', 'no', { detail: { en: '200 files', zh: '200 个文件' } }),
])('says the same from the store as live: $code', (error) => {
  const stored = readFailure(JSON.parse(JSON.stringify(keepFailure(error))));

  expect(stored.code).toBe(error.code);
  for (const language of ['zh', 'en'] as const) expect(describeError(stored, language)).toBe(describeError(error, language));
});

it.each([null, {}, { failure: { code: 'toString' } }, { failure: { code: 'NO_SUCH' } }, 'x'])('takes %j for a failure of ours', (stored) => {
  expect(readFailure(stored).code).toBe('INTERNAL');
});
