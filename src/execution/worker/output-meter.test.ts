import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { OutputMeter } from './output-meter.ts';

const SECRET = 'c0ffee';

/** Feeds stdout chunk by chunk and reads what the meter made of it. */
async function meter(chunks: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  let live = '';
  const made = new OutputMeter({
    stdout, stderr, secret: SECRET, limits: { unit: 'characters', head: 1_000, tail: 1_000, ceilingBytes: 10_000 },
    onText: (_stream, text) => { live += text; }, onCeiling: () => {},
  });
  for (const chunk of chunks) {
    stdout.write(chunk);
    await new Promise(setImmediate);
  }
  stdout.end();
  stderr.end();
  await made.ended;
  const output = made.finish(0);
  return { isAcknowledged: made.isAcknowledged, isSilent: made.isSilent, text: output.stdout.text, live };
}

it.each([
  ['nothing', [], { isAcknowledged: false, isSilent: true, text: '' }],
  ['only the word', ['c0ffee\n'], { isAcknowledged: true, isSilent: false, text: '' }],
  ['the word and text in one piece', ['c0ffee\nhello\n'], { isAcknowledged: true, isSilent: false, text: 'hello\n' }],
  ['the word in pieces', ['c0', 'ffee', '\nhel', 'lo'], { isAcknowledged: true, isSilent: false, text: 'hello' }],
  ['a program that prints the word again', ['c0ffee\n', 'c0ffee\n'], { isAcknowledged: true, isSilent: false, text: 'c0ffee\n' }],
  ['half of the word', ['c0f'], { isAcknowledged: false, isSilent: false, text: '' }],
  ['something else first', ['hello\n', 'c0ffee\n'], { isAcknowledged: false, isSilent: false, text: 'hello\nc0ffee\n' }],
] as const)('takes the worker at its first word only: %s', async (_name, chunks, expected) => {
  expect(await meter(chunks)).toEqual({ ...expected, live: expected.text });
});

it('reads what had arrived when the time was over, also when this process had no turn to read before', async () => {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const limits = { unit: 'characters', head: 1_000, tail: 1_000, ceilingBytes: 10_000 } as const;
  const made = new OutputMeter({ stdout, stderr, secret: SECRET, limits, onText: () => {}, onCeiling: () => {} });
  stdout.write('c0ffee\nfirst ');
  const settled = made.settled(0);
  // The time is over while this process is held up; timers come before reading, so nothing of the rest has been read then.
  setImmediate(() => {
    for (const end = performance.now() + 5; performance.now() < end;);
    setImmediate(() => {
      stdout.write('second ');
      setImmediate(() => stdout.write('third'));
    });
  });

  await settled;

  expect(made.finish(0).stdout.text).toBe('first second third');
});
