import { expect, it } from 'vitest';
import type { JupyterMessage } from '../connection/jupyter-message.ts';
import { ReplayBuffer } from './replay-buffer.ts';

const message = (id: string, type: string, size = 0): JupyterMessage => ({
  channel: 'iopub', header: { msg_id: id, msg_type: type, session: 's' }, parent_header: {}, metadata: {}, content: { text: 'x'.repeat(size) }, buffers: [],
});

it('gives back everything in order, once', () => {
  const buffer = new ReplayBuffer();
  for (const id of ['1', '2', '3']) buffer.add(message(id, 'stream'));

  expect(buffer.drain()).toMatchObject({ lost: 0, messages: [{ header: { msg_id: '1' } }, { header: { msg_id: '2' } }, { header: { msg_id: '3' } }] });
  expect(buffer.drain()).toEqual({ lost: 0, messages: [] });
});

it('loses the oldest stream output first, and counts it', () => {
  const buffer = new ReplayBuffer();
  buffer.add(message('reply', 'execute_reply'));
  for (let index = 0; index < 12; index += 1) buffer.add(message(`s${index}`, 'stream', 1024 * 1024));

  const { messages, lost } = buffer.drain();

  expect([messages.map(({ header }) => header.msg_id), lost]).toEqual([['reply', ...Array.from({ length: 9 }, (_, index) => `s${index + 3}`)], 3]);
});
