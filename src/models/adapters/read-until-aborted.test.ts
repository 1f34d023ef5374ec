import { expect, it } from 'vitest';
import { readUntilAborted } from './read-until-aborted.ts';

const streamOf = (items: readonly number[]): ReadableStream<number> => new ReadableStream({
  start: (controller) => {
    for (const item of items) controller.enqueue(item);
    controller.close();
  },
});

it('hands on every item', async () => {
  const items: number[] = [];
  for await (const item of readUntilAborted(Promise.resolve(streamOf([1, 2, 3])), new AbortController().signal)) items.push(item);

  expect(items).toEqual([1, 2, 3]);
});

it.each([
  ['before the first read', 0],
  ['while a read is waiting', 1],
])('throws on abort although the source hangs, and tells the source to end: %s', async (_title, readCount) => {
  const controller = new AbortController();
  const pulled = Promise.withResolvers<void>();
  const told = Promise.withResolvers<unknown>();
  const hanging = new ReadableStream<never>({
    pull: async () => {
      pulled.resolve();
      return await new Promise<never>(() => undefined);
    },
    cancel: async (reason) => {
      told.resolve(reason);
      return await new Promise<never>(() => undefined);
    },
    // Without a buffer of its own, the source is asked only when somebody reads.
  }, { highWaterMark: 1 - readCount });
  const next = readUntilAborted(Promise.resolve(hanging), controller.signal).next();
  await pulled.promise;

  controller.abort(new Error('enough'));

  await expect(next).rejects.toThrow('enough');
  expect(await told.promise).toEqual(new Error('enough'));
});

it('throws on abort while the stream is being opened', async () => {
  const controller = new AbortController();
  const next = readUntilAborted(new Promise<never>(() => undefined), controller.signal).next();

  controller.abort(new Error('enough'));

  await expect(next).rejects.toThrow('enough');
});

it('tells the source to end when its reader leaves', async () => {
  const told = Promise.withResolvers<void>();
  const source = new ReadableStream<number>({ pull: (controller) => controller.enqueue(1), cancel: () => told.resolve() });
  for await (const item of readUntilAborted(Promise.resolve(source), new AbortController().signal)) if (item === 1) break;

  await expect(told.promise).resolves.toBeUndefined();
});

it('throws at once when it is aborted already', async () => {
  await expect(readUntilAborted(Promise.resolve(streamOf([1])), AbortSignal.abort(new Error('enough'))).next()).rejects.toThrow('enough');
});
