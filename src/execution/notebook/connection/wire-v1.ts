import { CHANNELS } from './frame-codec.ts';
import { readHeader } from './jupyter-message.ts';
import type { JsonObject, JupyterMessage } from './jupyter-message.ts';

/** The subprotocol that frames every part on its own. */
export const V1_PROTOCOL = 'v1.kernel.websocket.jupyter.org';

const PROTOCOL_VERSION = '5.3';
const PARTS_BEFORE_BUFFERS = 5;
const MAX_OFFSETS = 100;

/** What came through a WebSocket is no Jupyter message; the socket is closed with 1003. */
export class WireError extends Error {
  override readonly name = 'WireError';
}

/** u64le count n, n u64le offsets, then channel, header, parent_header, metadata, content, buffers; the last offset is the end. */
export function encodeV1(message: JupyterMessage): Buffer {
  const json = [message.header, message.parent_header, message.metadata, message.content].map((part) => Buffer.from(JSON.stringify(part)));
  const parts = [Buffer.from(message.channel), ...json, ...message.buffers];
  const count = parts.length + 1;
  const head = Buffer.alloc(8 * (count + 1));
  head.writeBigUInt64LE(BigInt(count), 0);
  let offset = head.length;
  parts.forEach((part, index) => {
    head.writeBigUInt64LE(BigInt(offset), 8 * (index + 1));
    offset += part.length;
  });
  head.writeBigUInt64LE(BigInt(offset), 8 * count);
  return Buffer.concat([head, ...parts]);
}

/** Throws WireError. */
export function decodeV1(bytes: Buffer): JupyterMessage {
  if (bytes.length < 8) throw new WireError('short message');
  const count = Number(bytes.readBigUInt64LE(0));
  if (count < PARTS_BEFORE_BUFFERS + 1 || count > MAX_OFFSETS || bytes.length < 8 * (count + 1)) throw new WireError('bad offset count');
  const offsets = Array.from({ length: count }, (_, index) => Number(bytes.readBigUInt64LE(8 * (index + 1))));
  const isOrdered = offsets.every((offset, index) => offset >= (offsets[index - 1] ?? 8 * (count + 1)) && offset <= bytes.length);
  if (!isOrdered) throw new WireError('bad offsets');
  const parts = offsets.slice(0, -1).map((offset, index) => bytes.subarray(offset, offsets[index + 1]));
  const [channel, header, parent, metadata, content, ...buffers] = parts;
  return messageOf({
    channel: channel?.toString('utf8'), header: jsonOf(header), parent_header: jsonOf(parent), metadata: jsonOf(metadata), content: jsonOf(content),
  }, buffers);
}

/** Checks the parts of a message. Throws WireError. */
export function messageOf(fields: Record<string, unknown>, buffers: Uint8Array[]): JupyterMessage {
  const channel = CHANNELS.find((each) => each === fields.channel);
  if (channel === undefined) throw new WireError('unknown channel');
  return {
    channel, header: headerOf(fields.header), parent_header: objectOf(fields.parent_header ?? {}),
    metadata: objectOf(fields.metadata ?? {}), content: objectOf(fields.content ?? {}), buffers,
  };
}

function headerOf(value: unknown): JupyterMessage['header'] {
  try {
    // A header without a version would be read as one of version 4, and its request would never be answered.
    return { version: PROTOCOL_VERSION, ...readHeader(objectOf(value)) };
  } catch (cause) {
    throw new WireError('bad header', { cause });
  }
}

function jsonOf(part: Buffer | undefined): unknown {
  try {
    return JSON.parse((part ?? Buffer.alloc(0)).toString('utf8'));
  } catch (cause) {
    throw new WireError('a part is not JSON', { cause });
  }
}

function objectOf(value: unknown): JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireError('a part is not an object');
  return value as JsonObject; // proof: checked in the line above
}
