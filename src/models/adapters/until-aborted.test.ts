import { expect, it } from 'vitest';
import { untilAborted } from './until-aborted.ts';

it('hands on every item', async () => {
  const items: number[] = [];
  for await (const item of untilAborted(source([1, 2, 3]), new AbortController().signal)) items.push(item);

  expect(items).toEqual([1, 2, 3]);
});

it('throws on abort although the source hangs, and tells the source to end', async () => {
  const controller = new AbortController();
  let isTold = false;
  const hanging: AsyncIterable<never> = {
    [Symbol.asyncIterator]: () => ({
      next: async () => await new Promise<never>(() => undefined),
      return: async () => {
        isTold = true;
        return await new Promise<never>(() => undefined);
      },
    }),
  };
  const next = untilAborted(hanging, controller.signal).next();

  controller.abort(new Error('enough'));

  await expect(next).rejects.toThrow('enough');
  expect(isTold).toBe(true);
});

it('throws at once when it is aborted already', async () => {
  await expect(untilAborted(source([1]), AbortSignal.abort(new Error('enough'))).next()).rejects.toThrow('enough');
});

async function* source(items: readonly number[]): AsyncGenerator<number> {
  yield* items;
}
