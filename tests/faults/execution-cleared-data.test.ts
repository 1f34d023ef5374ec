import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';
import { RunRequestSchema } from '../../src/contracts/index.ts';
import { openExecutionBench } from '../support/execution-bench.ts';

it('a lane makes nothing of a session again whose folder somebody cleared away', async () => {
  await using bench = await openExecutionBench({ preload: [] });
  const { home } = await bench.session('s1');
  const before = await bench.run('s1', 'print(1)');
  await rm(dirname(home), { recursive: true });

  const after = await bench.runner.run('s1', RunRequestSchema.parse({ code: 'print(1)' })).then(({ outcome }) => outcome, (error: unknown) => String(error));

  expect([before.outcome, after === 'ok', existsSync(dirname(home))]).toEqual(['ok', false, false]);
});
