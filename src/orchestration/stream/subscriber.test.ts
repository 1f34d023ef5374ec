import { expect, it } from 'vitest';
import { Subscriber } from './subscriber.ts';

const open = (change: Partial<ConstructorParameters<typeof Subscriber>[0]> = {}) => {
  const closed: Subscriber[] = [];
  const subscriber = new Subscriber({ replay: [], maxFrames: 3, maxBytes: 1_000, onClose: (gone) => closed.push(gone), ...change });
  return { subscriber, closed };
};
const drain = async (subscriber: Subscriber): Promise<string[]> => {
  const frames: string[] = [];
  for await (const frame of subscriber.frames) frames.push(frame);
  return frames;
};

it('yields the replay, then live frames, in order', async () => {
  const { subscriber } = open({ replay: ['a', 'b'] });
  subscriber.push('c');
  subscriber.finish();

  expect(await drain(subscriber)).toEqual(['a', 'b', 'c']);
});

it('wakes a waiting reader for each frame', async () => {
  const { subscriber } = open();
  const reading = drain(subscriber);

  subscriber.push('a');
  await Promise.resolve();
  subscriber.push('b');
  subscriber.finish();

  expect(await reading).toEqual(['a', 'b']);
});

it.each([
  ['frames', { maxFrames: 2 }, ['x', 'x', 'x']],
  ['bytes', { maxBytes: 10 }, ['x'.repeat(11)]],
])('drops a reader that lags behind its bound of %s', async (_title, bound, frames) => {
  const { subscriber, closed } = open({ replay: ['old'], ...bound });

  for (const frame of frames) subscriber.push(frame);

  expect(await drain(subscriber)).toEqual([]);
  expect(closed).toEqual([subscriber]);
  expect(subscriber.dropped.aborted).toBe(true);
});

it('is closed once, whoever closes it first', async () => {
  const { subscriber, closed } = open();

  subscriber.finish();
  subscriber.close();
  await subscriber[Symbol.asyncDispose]();
  subscriber.push('late');

  expect(closed).toHaveLength(1);
  expect(await drain(subscriber)).toEqual([]);
});
