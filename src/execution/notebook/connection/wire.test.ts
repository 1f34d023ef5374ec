import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JupyterMessage } from './jupyter-message.ts';
import { decodeDefault, encodeDefault } from './wire-default.ts';
import { WireError, decodeV1, encodeV1 } from './wire-v1.ts';

const content = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 6 }).filter((key) => key !== '__proto__'), fc.string({ unit: 'grapheme', maxLength: 12 }), { maxKeys: 3 });
const message: fc.Arbitrary<JupyterMessage> = fc.record({
  channel: fc.constantFrom('shell' as const, 'control' as const, 'stdin' as const),
  header: content.map((extra) => ({ version: '5.4', ...extra, msg_id: 'm', msg_type: 't', session: 's' })),
  parent_header: content, metadata: content, content,
  buffers: fc.array(fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)), { maxLength: 4 }),
});
const toBytes = (text: string | Buffer): Buffer => Buffer.from(text);

describe('framings (K32)', () => {
  it('v1 gives back what was sent', () => {
    fc.assert(fc.property(message, (sent) => { expect(decodeV1(encodeV1(sent))).toEqual(sent); }));
  });

  it('the default one gives back what was sent, with and without buffers', () => {
    fc.assert(fc.property(message, (sent) => {
      expect(decodeDefault(toBytes(encodeDefault(sent)), sent.buffers.length > 0)).toEqual(sent);
    }));
  });

  it('v1 puts count, offsets and end where the protocol says', () => {
    const bytes = encodeV1({ channel: 'shell', header: { msg_id: 'm', msg_type: 't', session: 's' }, parent_header: {}, metadata: {}, content: {}, buffers: [] });

    expect([bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(8), bytes.readBigUInt64LE(48), bytes.subarray(56, 61).toString()])
      .toEqual([6n, 56n, BigInt(bytes.length), 'shell']);
  });

  it('a header without a version is one of this protocol', () => {
    const sent = { channel: 'shell', header: { msg_id: 'm', msg_type: 't', session: 's' } };

    expect(decodeDefault(toBytes(JSON.stringify(sent)), false).header).toEqual({ ...sent.header, version: '5.3' });
  });

  it.each([
    ['v1', (bytes: Buffer) => decodeV1(bytes)], ['default, binary', (bytes: Buffer) => decodeDefault(bytes, true)],
    ['default, text', (bytes: Buffer) => decodeDefault(bytes, false)],
  ])('%s refuses garbage with its own error only', (_title, decode) => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(() => decode(Buffer.from(bytes))).toThrow(WireError);
    }));
  });
});
