import { chunks, companionReply, createProvider, gate, memoReply, text } from '../../tests/support/provider/index.ts';
import type { Part } from '../../tests/support/provider/index.ts';
import { afterMs } from '../../tests/support/provider/index.ts';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { summarize } from '../support/statistics.ts';
import type { Row } from '../support/statistics.ts';
import { providerEnvironment, seedSessions } from './bench-sessions.ts';

const SAMPLES = 200;
const TURNS_PER_SESSION = 8;
const HEAD = '@@judgement {"checkpoint":false,"blocker":"none","sentiment":"engaged","consult":"","skip":""}\n';
const TAIL = `\n@@record\n${companionReply().split('@@record\n')[1] ?? ''}`;

/** First text after the provider's first prose token, calls of a locked turn, and cancel until the provider's socket is closed. */
export async function measureStreaming(): Promise<Row[]> {
  await using provider = await createProvider();
  await using folder = await createTemporaryFolder('bench-streaming');
  const ids = await seedSessions(folder.path, Math.ceil((SAMPLES * 2) / TURNS_PER_SESSION));
  await using sidecar = await startSidecar({ sessionsDir: folder.path, env: providerEnvironment(provider) });
  provider.always('ma-model', memoReply());
  const firstTexts: number[] = [];
  const cancels: number[] = [];
  const calls: number[] = [];
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const sessionId = ids[Math.floor((sample * 2) / TURNS_PER_SESSION)] ?? '';
    const before = provider.requests.filter((request) => request.model === 'ca-model').length;
    const name = `prose-${sample}`;
    provider.script('ca-model', [text(HEAD), gate(name), text('What do you see in the first row?'), text(TAIL)]);
    await using stream = await sidecar.send(sessionId, 'I looked at it.');
    await provider.reached(name);
    const released = performance.now();
    provider.release(name);
    const chunk = await stream.until('companion_chunk');
    firstTexts.push(chunk.at - released);
    await stream.until('companion_complete');
    calls.push(provider.requests.filter((request) => request.model === 'ca-model').length - before);
    await stream.untilTerminal();
    cancels.push(await timeCancel({ provider, sidecar, sessionId, sample }));
  }
  const firstText = summarize(firstTexts);
  const cancel = summarize(cancels);
  return [
    { what: 'first text at the client after the provider\'s first prose token, p99', unit: 'ms', measured: firstText.p99, target: 30, peer: null, detail: firstText },
    { what: 'companion calls on a locked turn before the learner can type again', unit: '', measured: Math.max(...calls), target: 1, peer: null, detail: null },
    { what: 'cancel → provider\'s socket closed, p99', unit: 'ms', measured: cancel.p99, target: 100, peer: null, detail: cancel },
  ];
}

async function timeCancel(run: {
  provider: Awaited<ReturnType<typeof createProvider>>; sidecar: Awaited<ReturnType<typeof startSidecar>>; sessionId: string; sample: number;
}): Promise<number> {
  const { provider, sidecar, sessionId, sample } = run;
  const name = `cancel-${sample}`;
  provider.script('ca-model', [text(`${HEAD}First `), gate(name), text('never')]);
  await using stream = await sidecar.send(sessionId, 'Another question.');
  await stream.until('companion_chunk');
  const request = provider.requests.findLast((candidate) => candidate.model === 'ca-model');
  const asked = performance.now();
  const answer = sidecar.call('POST', `/api/session/${sessionId}/message/cancel`);
  await request?.closed;
  const closedAt = request?.clientClosedAt ?? Number.NaN;
  await answer;
  await stream.untilTerminal();
  provider.release(name);
  return closedAt - asked;
}

const ANSWER = 'The first row is one day of the station. '.repeat(50).slice(0, 2_000);
const PIECE = 10;
const PACE_MS = 5;

function pacedParts(head: string, tail: string): Part[] {
  const pieces = Array.from({ length: ANSWER.length / PIECE }, (_, index) => ANSWER.slice(index * PIECE, (index + 1) * PIECE));
  return [text(head), ...pieces.flatMap((piece) => [afterMs(PACE_MS), text(piece)]), ...(tail === '' ? [] : chunks([tail]))];
}

/** What a 2000-character answer takes through the sidecar beyond reading it from the provider directly, alternating in one run. */
export async function measureAddedTime(): Promise<Row[]> {
  await using provider = await createProvider({ apiKey: undefined });
  await using folder = await createTemporaryFolder('bench-added');
  const [sessionId = ''] = await seedSessions(folder.path, 1);
  await using sidecar = await startSidecar({ sessionsDir: folder.path, env: providerEnvironment(provider) });
  provider.always('ma-model', memoReply());
  const direct: number[] = [];
  const through: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    provider.script('direct-model', pacedParts(HEAD, ''));
    provider.script('ca-model', pacedParts(HEAD, TAIL));
    direct.push(await timeDirect(provider.url));
    const started = performance.now();
    await using stream = await sidecar.send(sessionId, 'Tell me more.');
    const complete = await stream.until('companion_complete');
    through.push(complete.at - started);
    const shown = stream.events.filter((event) => event.type === 'companion_chunk').map((event) => event.data['content']).join('');
    if (shown.trim() !== ANSWER.trim()) throw new Error('the answer was changed on its way');
    await stream.untilTerminal();
  }
  const added = Math.round((summarize(through).p50 - summarize(direct).p50) * 10) / 10;
  return [{
    what: 'added time per 2000-character answer over the provider\'s own', unit: 'ms', measured: Math.max(0, added), target: 100,
    peer: { name: 'predecessor', value: 60_000 }, detail: { direct: summarize(direct), through: summarize(through) },
  }];
}

async function timeDirect(url: string): Promise<number> {
  const started = performance.now();
  const response = await fetch(`${url}/chat/completions`, {
    method: 'POST', headers: { authorization: 'Bearer bench-key-0123456789', 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'direct-model', stream: true, max_tokens: 3000, messages: [{ role: 'user', content: 'Tell me more.' }] }),
  });
  if (!response.ok) throw new Error(`the provider answered ${response.status}: ${await response.text()}`);
  await response.text();
  return performance.now() - started;
}
