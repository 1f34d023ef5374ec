import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { ConfigError } from '../../config/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { StoreLockedError, StoreTooNewError } from '../../store/index.ts';
import { explainFailure } from './failure.ts';
import { InputPipe } from './input-pipe.ts';

const systemError = (code: string): Error => Object.assign(new Error(`listen ${code}`), { code });

it.each([
  [new ConfigError('PORT', 'is wrong'), 'CONFIG_INVALID', 2],
  [systemError('EADDRINUSE'), 'PORT_IN_USE', 3],
  [systemError('EACCES'), 'PORT_IN_USE', 3],
  [systemError('EADDRNOTAVAIL'), 'CONFIG_INVALID', 2],
  [new StoreLockedError('x'), 'STORE_LOCKED', 4],
  [new StoreTooNewError(9, 1), 'STORE_TOO_NEW', 5],
  [systemError('BUNDLE_FILE_CHANGED'), 'BUNDLE_FILE_CHANGED', 6],
  [new SidecarError('STORAGE_FAILED', 'x', { cause: systemError('ENOTDIR') }), 'CONFIG_INVALID', 2],
  [new SidecarError('STORAGE_FAILED', 'x', { cause: systemError('ENOENT') }), 'CONFIG_INVALID', 2],
  [new SidecarError('STORAGE_FAILED', 'x', { cause: systemError('ELOOP') }), 'CONFIG_INVALID', 2],
  [new SidecarError('STORAGE_FAILED', 'x', { cause: systemError('EIO') }), 'STORAGE_FAILED', 70],
  [new SidecarError('STORAGE_FULL', 'x'), 'STORAGE_FULL', 70],
  [new TypeError('details of a defect'), 'INTERNAL', 70],
  ['thrown text', 'INTERNAL', 70],
])('%s ends as %s with %i', (error, code, exitCode) => {
  expect(explainFailure(error)).toMatchObject({ code, exitCode });
});

it.each([
  [Object.assign(systemError('EADDRINUSE'), { port: 4555 }), 'port 4555 is taken by another program; choose another with PORT (--port), 0 takes a free one'],
  [Object.assign(systemError('EADDRNOTAVAIL'), { address: '::1' }), 'HOST (--host): this machine has no address ::1'],
  [new StoreLockedError('another sidecar uses /s'), 'another sidecar uses /s; end that one, or choose another folder with SESSIONS_DIR (--sessions-dir)'],
  [
    new SidecarError('STORAGE_FAILED', 'the data folder /s cannot be opened', { cause: systemError('EEXIST') }),
    'SESSIONS_DIR (--sessions-dir): the data folder /s cannot be opened: something that is no folder is in the way',
  ],
])('says %s in a sentence that names the setting', (error, sentence) => {
  expect(explainFailure(error).message).toBe(sentence);
});

it('keeps the details of a defect out of the announcement', () => {
  expect(explainFailure(new TypeError('details of a defect')).message).not.toContain('details');
});

const pipe = (): { stream: PassThrough; input: InputPipe } => {
  const stream = new PassThrough();
  // Of a terminal's stream only what every readable has is used.
  return { stream, input: new InputPipe(stream as unknown as NodeJS.ReadStream) };
};

it('reads the first line in pieces, and sees the end later', async () => {
  const { stream, input } = pipe();
  const line = input.firstLine();
  stream.write('tok');
  stream.write('en\r\nmore');

  expect(await line).toBe('token');
  const ended = input.ended();
  stream.end();
  await expect(ended).resolves.toBeUndefined();
});

it.each([['nothing', ''], ['half a line', 'tok'], ['a line that never ends', 'x'.repeat(5000)]])('refuses %s as a token', async (_title, text) => {
  const { stream, input } = pipe();
  const line = input.firstLine();

  stream.end(text);

  await expect(line).rejects.toMatchObject({ name: 'ConfigError', variable: '--token-stdin' });
});
