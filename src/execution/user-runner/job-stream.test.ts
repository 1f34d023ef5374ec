import { expect, it } from 'vitest';
import { JobStream, replayFrames } from './job-stream.ts';
import type { JobFrames } from './user-runner-contract.ts';

async function collect(source: JobFrames): Promise<string[]> {
  const frames: string[] = [];
  for await (const frame of source.frames) frames.push(frame);
  return frames;
}

const ids = (frames: readonly string[]): string[] => frames.map((frame) => /^id: (\S+)\n/.exec(frame)?.[1] ?? '');
const nothing = (): void => {};

it('gives every reader the same frames, early, late and resumed', async () => {
  const stream = new JobStream();
  stream.emit({ type: 'exec_status', state: 'queued' });
  const early = collect(stream.follow(null, nothing));
  stream.emit({ type: 'exec_output', stream: 'stdout', text: 'a' });
  const resumed = collect(stream.follow('1.1', nothing));
  stream.emit({ type: 'exec_complete' }, true);
  const late = await collect(stream.follow(null, nothing));

  expect(await early).toEqual(late);
  expect(ids(late)).toEqual(['1.1', '1.2', '1.3']);
  expect(ids(await resumed)).toEqual(['1.2', '1.3']);
  expect(ids(await collect(stream.follow('7.7', nothing)))).toEqual(['1.1', '1.2', '1.3']);
});

it('says nothing after its last event', async () => {
  const stream = new JobStream();
  stream.emit({ type: 'exec_complete' }, true);
  stream.emit({ type: 'exec_output' });

  expect(await collect(stream.follow(null, nothing))).toHaveLength(1);
});

it('lets a reader that waits go, and tells so once', async () => {
  const stream = new JobStream();
  let closed = 0;
  const source = stream.follow(null, () => { closed += 1; });
  const waiting = collect(source);
  await source[Symbol.asyncDispose]();
  await source[Symbol.asyncDispose]();

  expect([await waiting, closed]).toEqual([[], 1]);
});

it('keeps the last 256 KiB for later, whole frames only, and replays them with the result', async () => {
  const stream = new JobStream();
  for (let index = 0; index < 100; index += 1) stream.emit({ type: 'exec_output', stream: 'stdout', text: String(index % 10).repeat(10_000) });
  stream.emit({ type: 'exec_complete', success: true }, true);
  const live = await collect(stream.follow(null, nothing));
  const kept = stream.kept();
  const last = { type: 'exec_complete', success: true };
  const replayed = await collect(replayFrames(kept, { last, lastEventId: null, onClose: nothing }));

  expect(Buffer.byteLength(kept)).toBeLessThanOrEqual(256 * 1024);
  expect(replayed).toEqual(live.slice(-replayed.length));
  expect(replayed.length).toBeGreaterThan(20);
  expect(await collect(replayFrames(kept, { last, lastEventId: ids(live).at(-2)!, onClose: nothing }))).toEqual(live.slice(-1));
  expect(await collect(replayFrames('', { last, lastEventId: null, onClose: nothing }))).toHaveLength(1);
});

it.each([
  ['nothing was kept and one event was seen', 0, '1.1', ['1.2']], ['more was seen than was kept', 2, '1.7', ['1.8']],
  ['the end itself was seen', 2, '1.3', ['1.4']], ['a part was seen', 2, '1.1', ['1.2', '1.3']], ['the id is not one of ours', 2, '7.7', ['1.1', '1.2', '1.3']],
])('always comes to its end when it is resumed: %s', async (_title, keptCount, lastEventId, expected) => {
  const stream = new JobStream();
  for (let index = 0; index < keptCount; index += 1) stream.emit({ type: 'exec_output' });
  const replayed = await collect(replayFrames(stream.kept(), { last: { type: 'exec_complete' }, lastEventId, onClose: nothing }));

  expect(ids(replayed)).toEqual(expected);
  expect(replayed.at(-1)).toContain('"exec_complete"');
});
