import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_ROWS, FAULTS, breakOff, companionReply, inPieces, rateLimited, speakReply, status, text } from '../support/provider/index.ts';
import type { Fault, FaultName, ReceivedRequest } from '../support/provider/index.ts';
import { API_KEY, CA, RMA, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { expectOrder, noticesOf, textOf } from '../support/turn-order.ts';

const PROSE = 'Look at the first row.\n\nThen count the rows, and say how many there are. Which of them is the header, and how do you know?';
const GOOD = companionReply({ prose: PROSE });
/** Rows whose meaning depends on what was asked for, or that the endpoint is remembered for; the others hold for any companion call. */
const ELSEWHERE: ReadonlySet<FaultName> = new Set([
  'unsupportedTemperature', 'unsupportedJsonSchema', 'unsupportedJsonObject', 'unsupportedTools', 'fencedJson', 'lengthBeforeText', 'truncatedPrompt',
]);

let tutor: Tutor;
const idle: string[] = [];
beforeAll(async () => {
  tutor = await startTutor({ env: { MAX_ATTEMPTS_BEFORE_UNLOCK: '10' } }); // no turn here is a productive one
  for (let count = 0; count < 12; count += 1) idle.push(await tutor.sidecar.create());
});
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

const rowsOf = (...outcomes: string[]): { name: FaultName; fault: Fault }[] => FAULT_ROWS
  .filter(([name, fault]) => outcomes.includes(fault.outcome) && fault.protocols.includes('openai') && !ELSEWHERE.has(name))
  .map(([name, fault]) => ({ name, fault }));

/** One turn on a session of its own; replies go to requests that carry its message. */
async function play(name: string, replies: Parameters<Tutor['provider']['script']>[1][]) {
  const session = idle.shift()!;
  const message = `What about ${name} ${crypto.randomUUID()}?`;
  const isMine = (request: ReceivedRequest): boolean => request.model === CA && request.lastMessage.includes(message);
  tutor.provider.script(isMine, ...replies);
  const before = await tutor.trace(session);
  const events = await tutor.sidecar.turn(session, message);
  const after = await tutor.trace(session);
  idle.push(session);
  return { events, before, after, calls: tutor.provider.requests.filter(isMine).length };
}

describe.concurrent('a companion call', () => {
  it.each(rowsOf('answer'))('lives with $name', async ({ name, fault }) => {
    const { events } = await play(name, [fault.reply(GOOD)]);

    expectOrder(events, 'locked');
    expect(textOf(events)).toBe(PROSE);
    expect(JSON.stringify(events)).not.toContain('secret');
  });

  it.each(rowsOf('retried'))('is tried again after $name', async ({ name, fault }) => {
    const { events, calls } = await play(name, [fault.reply(''), text(GOOD)]);

    expectOrder(events, 'locked');
    expect(noticesOf(events)).toContain('model_retry');
    expect([textOf(events), calls]).toEqual([PROSE, 2]);
  });

  it.each(['contextOverflow', 'unsupportedMaxTokens'] as const)('is written differently after %s', async (name) => {
    const { events, calls } = await play(name, [FAULTS[name].reply(''), text(GOOD)]);

    expectOrder(events, 'locked');
    expect(calls).toBe(2);
  });

  it.each(rowsOf('refused'))('fails at once after $name, in our words', async ({ name, fault }) => {
    const { events, before, after, calls } = await play(name, [fault.reply('')]);

    expectOrder(events, 'modelFailsBeforeText');
    expect([after, calls]).toEqual([before, 1]);
    expect(JSON.stringify(events)).not.toMatch(new RegExp(`${API_KEY}|Incorrect API key|Insufficient Balance|does not exist`));
  });

  it.each(rowsOf('broken'))('is not repaired behind visible text after $name', async ({ name, fault }) => {
    const { events, before, after, calls } = await play(name, [fault.reply(companionReply({ prose: PROSE, record: null }))]);

    expectOrder(events, 'modelFailsInText');
    expect([after, calls]).toEqual([before, 1]);
    expect(PROSE.startsWith(textOf(events))).toBe(true);
  });

  it.each(['seconds', 'date', 'ms'] as const)('waits as long as the provider says, in %s', async (form) => {
    const { events, calls } = await play(form, [rateLimited(form, 1_000), text(GOOD)]);

    const requests = tutor.provider.requests.filter((request) => request.lastMessage.includes(`What about ${form} `));
    expectOrder(events, 'locked');
    expect(calls).toBe(2);
    // A date has whole seconds only, so it may lie a moment ahead.
    expect(requests[1]!.receivedAt - requests[0]!.endedAt!).toBeGreaterThan(form === 'date' ? 0 : 990);
  });

  it('gives up after three tries and says that it may be sent again', async () => {
    const busy = rateLimited('ms', 1);
    const { events, before, after, calls } = await play('overload', [busy, busy, busy]);

    expectOrder(events, 'modelFailsBeforeText');
    expect(events.at(-1)).toMatchObject({ code: 'LLM_RATE_LIMIT', retryable: true });
    expect([after, calls]).toEqual([before, 3]);
  });

  it('judges once, also when it breaks unseen and is tried again', async () => {
    const unlocking = companionReply({ judgement: { checkpoint: true } });
    const head = '@@judgement {"checkpoint":false,"blocker":"none","sentiment":"engaged","consult":"","skip":""}\n';
    const { events, calls } = await play('two judgements', [[text(head), breakOff('cut')], text(unlocking.replace('What do you see?', PROSE))]);

    expectOrder(events, 'locked');
    expect([textOf(events), calls]).toEqual([PROSE, 2]);
  });

  it('is tried three times in all, however it fails', async () => {
    const silent = companionReply({ prose: '' });
    const { events, calls } = await play('mixed silence', [rateLimited('ms', 1), silent, silent, text(GOOD)]);

    expectOrder(events, 'modelFailsBeforeText');
    expect(events.at(-1)).toMatchObject({ code: 'LLM_EMPTY_REPLY', retryable: true });
    expect(calls).toBe(3);
  });

  it('that says nothing behind its judgement is tried again', async () => {
    const { events } = await play('silence', [companionReply({ prose: '' }), text(GOOD)]);

    expectOrder(events, 'locked');
    expect(textOf(events)).toBe(PROSE);
  });
});

it('a second call that breaks in the text fails the turn with all that was planned', async () => {
  tutor.provider.always(RMA, status(400, { error: { message: 'no' } }));
  const broken = [...inPieces(speakReply({ prose: PROSE, record: null })).slice(0, 2), breakOff('reset')];
  const { events, before, after } = await play('both', [companionReply({ judgement: { checkpoint: true } }), broken]);

  expectOrder(events, 'modelFailsInText');
  expect(after).toEqual(before);
});

it('a provider that is gone ends the turn, and a later one works', async () => {
  const closed = await tutor.provider.refuseConnections();
  const session = idle[0]!;
  const events = await tutor.sidecar.turn(session, 'Is anybody there?');
  await closed[Symbol.asyncDispose]();
  tutor.provider.always(CA, GOOD);

  expectOrder(events, 'modelFailsBeforeText');
  expect(events.at(-1)).toMatchObject({ code: 'LLM_TRANSPORT', retryable: true });
  expectOrder(await tutor.sidecar.turn(session, 'And now?'), 'locked');
});
