import { expect, it } from 'vitest';
import { startSidecar } from '../support/sidecar-process.ts';

it('keeps a notebook with more keys than other requests may have', async () => {
  await using sidecar = await startSidecar();
  const session = await sidecar.create();
  const cells = Array.from({ length: 3_000 }, (_, index) => ({
    cell_type: 'code', id: `cell-${index}`, metadata: { tags: [] }, execution_count: null, outputs: [], source: ['1\n'],
  }));
  const notebook = { nbformat: 4, nbformat_minor: 5, metadata: {}, cells };

  const put = await sidecar.call('PUT', `/api/session/${session}/notebook/file?path=big.ipynb`, { notebook });
  const read = await sidecar.call('GET', `/api/session/${session}/notebook/file?path=big.ipynb`);

  expect([put.status, read.status, read.body.notebook.cells.length]).toEqual([200, 200, 3_000]);
});
