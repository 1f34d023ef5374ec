import { readdir } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { FAULTS, breakOff, companionReply, gate, inPieces, memoReply, rateLimited, speakReply, status, structured } from '../support/provider/index.ts';
import type { ReceivedRequest, ReplySource } from '../support/provider/index.ts';
import { CA, MA, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { ORDERS, noticesOf, orderOf, textOf, toldUsage } from '../support/turn-order.ts';

const TURNS = Number(process.env['SIDECAR_SOAK_TURNS'] ?? 500);
const SESSIONS = 5;
const PROSE = 'Look at the first row.\n\nThen count the rows, and say how many there are.';
const good = (): string => companionReply({ prose: PROSE });
const broken = (how: 'cut' | 'reset' | 'end'): ReplySource => [...inPieces(companionReply({ prose: PROSE, record: null })), breakOff(how)];

/** What happens to a turn: the companion's replies, and what its reader does. */
interface Fate { name: string; replies(): ReplySource[]; reader?: 'leaves' | 'cancels' }

const FATES: readonly Fate[] = [
  { name: 'locked', replies: () => [good()] },
  { name: 'unlocked', replies: () => [companionReply({ judgement: { checkpoint: true } }), speakReply({ prose: PROSE })] },
  { name: 'stuck', replies: () => [companionReply({ judgement: { blocker: 'core_concept', sentiment: 'frustrated' }, prose: PROSE }), speakReply({ prose: PROSE })] },
  { name: 'without record', replies: () => [companionReply({ prose: PROSE, record: null })] },
  { name: 'without judgement', replies: () => [inPieces(PROSE)] },
  { name: 'busy', replies: () => [rateLimited('ms', 1), good()] },
  { name: 'overloaded', replies: () => [rateLimited('ms', 1), rateLimited('ms', 1), rateLimited('ms', 1)] },
  { name: 'refused', replies: () => [status(401, { error: { message: 'no' } })] },
  { name: 'cut', replies: () => [broken('cut')] },
  { name: 'reset', replies: () => [broken('reset')] },
  { name: 'ended', replies: () => [broken('end')] },
  { name: 'malformed', replies: () => [FAULTS.malformedJson.reply(good())] },
  { name: 'left', replies: () => [inPieces(good(), 6)], reader: 'leaves' },
  { name: 'cancelled', replies: () => [[...inPieces(companionReply({ prose: PROSE, record: null })), gate('never')]], reader: 'cancels' },
];

/** The same numbers every run (mulberry32). */
function createRandom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Every file of the data folder but what a running program keeps beside database and lock. */
async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => !/^sidecar\.(?:db|lock)-/.test(name)).toSorted();
}

/** Runs one turn to its end, whatever its reader does; gives all its events. */
async function live(tutor: Tutor, session: string, turn: { fate: Fate; message: string }) {
  const { fate, message } = turn;
  const isMine = (request: ReceivedRequest): boolean => request.model === CA && request.lastMessage.includes(message);
  const replies = fate.replies();
  const spare = fate.name === 'stuck' ? 1 : 0; // answered by one call or by two
  tutor.provider.script(isMine, ...replies.slice(0, replies.length - spare));
  tutor.provider.always(isMine, speakReply({ prose: PROSE }));
  const follower = await tutor.sidecar.events(session);
  const stream = await tutor.sidecar.send(session, message);
  if (fate.reader === 'leaves') {
    await stream.until('companion_chunk');
    await stream.close();
  }
  if (fate.reader === 'cancels') {
    await stream.until('companion_chunk');
    await tutor.sidecar.call('POST', `/api/session/${session}/message/cancel`);
  }
  const startId = (await follower.until((event) => event.type === 'start')).id;
  await follower.untilTerminal();
  await stream.close();
  await follower.close();
  const events = follower.events.slice(follower.events.findIndex((event) => event.id === startId));
  return events.map((event) => event.data);
}

it(`ends each of ${TURNS} turns in one terminal event, whatever happens, and leaves nothing over`, { timeout: 600_000 }, async () => {
  await using tutor = await startTutor({ env: { LLM_SESSION_TOKEN_LIMIT: '', TURN_MEMO_WAIT_MS: '8000' } });
  const random = createRandom(20260101);
  tutor.provider.always(MA, (request) => (random(10) === 0 ? status(400, { error: { message: 'no' } }) : structured(memoReply())(request)));
  const legal = Object.values(ORDERS).map((order) => new RegExp(`^${order}$`));
  const committed = new Map<string, { message: string; text: string; usage: object }[]>();
  const ends = new Map<string, number>();

  const sessions = await Promise.all(Array.from({ length: SESSIONS }, async () => await tutor.sidecar.create()));
  const begun = await filesBelow(tutor.sessionsDir);

  await Promise.all(sessions.map(async (session, lane) => {
    const kept: { message: string; text: string; usage: object }[] = [];
    committed.set(session, kept);
    for (let count = lane; count < TURNS; count += SESSIONS) {
      const turn = { fate: FATES[random(FATES.length)]!, message: `turn-${count}-${random(2 ** 31)}` };
      const events = await live(tutor, session, turn);
      const order = orderOf(events);
      expect(legal.some((pattern) => pattern.test(order)), `${turn.fate.name}: ${order} ${noticesOf(events).join()}`).toBe(true);
      const end = String(events.at(-1)!['type']);
      ends.set(end, (ends.get(end) ?? 0) + 1);
      if (end === 'complete') kept.push({ message: turn.message, text: textOf(events), usage: toldUsage(events) });
    }
  }));

  for (const [session, kept] of committed) {
    const history = await tutor.history(session);
    expect(history.map(({ user_message, companion_response }) => ({ message: user_message, text: companion_response })))
      .toEqual(kept.map(({ message, text: shown }) => ({ message, text: shown })));
    expect(history.map((past) => past.turn_index)).toEqual(kept.map((_past, index) => index));
    const { turns } = await tutor.usage(session);
    expect(turns).toHaveLength(kept.length);
    for (const [index, { usage }] of kept.entries()) expect(turns[index].agents).toMatchObject(usage);
  }
  expect([...ends.keys()].toSorted()).toEqual(['cancelled', 'complete', 'llm_error']);
  await tutor.provider.idle();
  expect(tutor.provider.violations).toEqual([]);
  const { body } = await tutor.sidecar.call('GET', '/api/sessions');
  expect(body.sessions.map((row: any) => row.busy)).toEqual(Array(SESSIONS).fill(false));
  expect(await tutor.sidecar.kill('SIGTERM')).toBe(0);
  await tutor.provider.drained();
  expect(await filesBelow(tutor.sessionsDir)).toEqual(begun);
  expect((await readdir(tutor.sessionsDir)).filter((name) => name.startsWith('sidecar.')).toSorted()).toEqual(['sidecar.db', 'sidecar.lock']);
});
