import { expect, it } from 'vitest';
import { companionReply, gate, inPieces, memoReply, text } from '../support/provider/index.ts';
import { CA, MA, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { dataOf, expectOrder } from '../support/turn-order.ts';

const WAYS: readonly [string, (tutor: Tutor) => Promise<number | null>][] = [
  ['SIGTERM', async (tutor) => await tutor.sidecar.kill('SIGTERM')],
  ['the end of stdin', async ({ sidecar }) => {
    const exited = new Promise<number | null>((resolve) => { sidecar.child.once('exit', resolve); });
    sidecar.child.stdin.end();
    return await exited;
  }],
];

it.each(WAYS)('%s ends a running turn with a word, leaves no trace of it and exits with 0', async (_title, stop) => {
  await using tutor = await startTutor({ args: ['--exit-with-parent'] });
  const session = await tutor.sidecar.create();
  await tutor.sidecar.turn(session, 'first');
  const before = await tutor.trace(session);
  tutor.provider.script(CA, [...inPieces(companionReply({ prose: 'Look here.', record: null })), gate('here')]);
  const stream = await tutor.sidecar.send(session, 'second');
  const reader = await tutor.sidecar.events(session);
  await stream.until('companion_chunk');
  await tutor.provider.reached('here');

  const code = await stop(tutor);

  expect(code).toBe(0); // a forced exit after five seconds has another code
  expectOrder(dataOf(await stream.untilEnd()), 'stopped');
  expect(stream.events.at(-1)!.data).toMatchObject({ type: 'error', code: 'SHUTTING_DOWN' });
  await reader.untilEnd();
  expect(reader.events.at(-1)!.type).toBe('server_shutdown');
  await tutor.provider.drained();
  await tutor.restart();
  expect(await tutor.trace(session)).toEqual(before);
  expectOrder(await tutor.sidecar.turn(session, 'again'), 'locked');
});

it('a stop while a turn is remembered completes the turn, and the memo comes after the next start', async () => {
  await using tutor = await startTutor();
  const session = await tutor.sidecar.create();
  tutor.provider.script(MA, [text('{"obs'), gate('here')]);
  const stream = await tutor.sidecar.send(session, 'first');
  await tutor.provider.reached('here');
  tutor.provider.script(MA, text(memoReply({ observations: { add: ['reads headers first'], drop: [] } })));

  const code = await tutor.sidecar.kill('SIGTERM');
  const events = dataOf(await stream.untilEnd());
  await tutor.restart();
  await using live = await tutor.sidecar.events(session, stream.events.at(-1)!.id);
  await live.until('report_updated');

  expect(code).toBe(0);
  expectOrder(events, 'locked');
  const [past] = await tutor.history(session);
  const { turns } = await tutor.usage(session);
  expect(turns[0].agents.MA).toMatchObject({ ...past.token_usage.MA, calls: 2 });
});
