import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_KIND, FRAME_LIMITS, FrameError, FrameReader, decodeFrame, encodeControl, encodeFrame } from './frame-codec.ts';
import { frameOfMessage, messageOfFrame } from './jupyter-message.ts';
import { readBridgeControl } from './bridge-control.ts';

const part = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes));
const message = fc.record({
  kind: fc.constant(FRAME_KIND.message), channel: fc.integer({ min: 0, max: 3 }), parts: fc.array(part, { minLength: 4, maxLength: 12 }),
});
const json = fc.dictionary(fc.string({ unit: 'grapheme', maxLength: 8 }), fc.jsonValue({ maxDepth: 2 }), { maxKeys: 4 })
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);

/** Cuts bytes into chunks at the given places. */
function chunksOf(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].sort((left, right) => left - right);
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe('frames', () => {
  it('come back as they were sent, however the stream is cut', () => {
    fc.assert(fc.property(fc.array(message, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 20 }), (frames, cuts) => {
      const reader = new FrameReader();

      const read = chunksOf(Buffer.concat(frames.map(encodeFrame)), cuts).flatMap((chunk) => reader.push(chunk));

      expect(read).toEqual(frames);
      expect(reader.held).toBe(0);
    }));
  });

  it('never throws anything but FrameError for garbage', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        decodeFrame(Buffer.from(bytes));
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }));
  });

  const frame = encodeFrame({ kind: 1, channel: 0, parts: [Buffer.from('a'), Buffer.from('b'), Buffer.from('c'), Buffer.from('d')] }).subarray(4);
  const changed = (at: number, value: number): Buffer => {
    const copy = Buffer.from(frame);
    copy[at] = value;
    return copy;
  };
  it.each([
    ['an unknown kind', changed(0, 3)], ['an unknown channel', changed(1, 4)], ['too many parts', changed(2, 200)], ['too few parts', changed(3, 3)],
    ['a size that does not fit', changed(7, 9)], ['half a frame', frame.subarray(0, -1)], ['no head', frame.subarray(0, 3)],
    ['a control frame with two parts', encodeFrame({ kind: 2, channel: 0, parts: [Buffer.from('{}'), Buffer.from('{}')] }).subarray(4)],
    ['a control frame that is too long', encodeFrame({ kind: 2, channel: 0, parts: [Buffer.alloc(FRAME_LIMITS.controlBytes + 1)] }).subarray(4)],
  ])('refuses %s', (_title, bytes) => {
    expect(() => decodeFrame(bytes)).toThrow(FrameError);
  });

  it('refuses a length beyond the limit before it holds the bytes', () => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(FRAME_LIMITS.frameBytes + 1);

    expect(() => new FrameReader().push(head)).toThrow(FrameError);
  });

  it('refuses to make what it would not read', () => {
    expect(() => encodeFrame({ kind: 1, channel: 0, parts: Array.from({ length: 69 }, () => Buffer.alloc(0)) })).toThrow(FrameError);
    expect(() => encodeControl('start', { init: ['x'.repeat(FRAME_LIMITS.controlBytes)] })).toThrow(FrameError);
  });
});

describe('messages', () => {
  it('keep all fields, known or not, and their buffers', () => {
    fc.assert(fc.property(fc.record({ extra: json, content: json, metadata: json, parent: json, buffers: fc.array(part, { maxLength: 4 }) }), (parts) => {
      const sent = {
        channel: 'shell' as const, header: { ...parts.extra, msg_id: '1', msg_type: 't', session: 's' }, parent_header: parts.parent,
        metadata: parts.metadata, content: parts.content, buffers: parts.buffers,
      };

      const [frame] = new FrameReader().push(frameOfMessage(sent));

      expect(messageOfFrame(frame!)).toEqual(sent);
    }));
  });

  it.each([
    ['a header without id', '{"msg_type":"t"}', '{}'], ['a content that is a list', '{"msg_id":"1","msg_type":"t"}', '[]'],
    ['no JSON', '{"msg_id":"1","msg_type":"t"}', 'nope'],
  ])('are refused for %s', (_title, header, content) => {
    expect(() => messageOfFrame({ kind: 1, channel: 0, parts: [header, '{}', '{}', content].map((text) => Buffer.from(text)) })).toThrow(FrameError);
  });

  it.each([['garbage', 'x'], ['an unknown op', '{"op":"nope"}'], ['a wrong field', '{"op":"pong","id":"x"}']])('of control are refused for %s', (_title, text) => {
    expect(() => readBridgeControl(Buffer.from(text))).toThrow(FrameError);
  });
});
