import type { JupyterMessage } from './jupyter-message.ts';
import { WireError, messageOf } from './wire-v1.ts';

const MAX_PARTS = 100;

/** JSON text; with buffers binary: u32be count, u32be offsets, JSON, buffers. */
export function encodeDefault({ buffers, ...message }: JupyterMessage): string | Buffer {
  if (buffers.length === 0) return JSON.stringify({ ...message, buffers: [] });
  const parts = [Buffer.from(JSON.stringify(message)), ...buffers];
  const head = Buffer.alloc(4 * (parts.length + 1));
  head.writeUInt32BE(parts.length, 0);
  let offset = head.length;
  parts.forEach((part, index) => {
    head.writeUInt32BE(offset, 4 * (index + 1));
    offset += part.length;
  });
  return Buffer.concat([head, ...parts]);
}

/** Throws WireError. */
export function decodeDefault(bytes: Buffer, isBinary: boolean): JupyterMessage {
  if (!isBinary) return messageOf(fieldsOf(bytes), []);
  if (bytes.length < 4) throw new WireError('short message');
  const count = bytes.readUInt32BE(0);
  if (count < 1 || count > MAX_PARTS || bytes.length < 4 * (count + 1)) throw new WireError('bad part count');
  const offsets = Array.from({ length: count }, (_, index) => bytes.readUInt32BE(4 * (index + 1)));
  const isOrdered = offsets.every((offset, index) => offset >= (offsets[index - 1] ?? 4 * (count + 1)) && offset <= bytes.length);
  if (!isOrdered) throw new WireError('bad offsets');
  const [json, ...buffers] = offsets.map((offset, index) => bytes.subarray(offset, offsets[index + 1] ?? bytes.length));
  return messageOf(fieldsOf(json ?? Buffer.alloc(0)), buffers);
}

function fieldsOf(bytes: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new WireError('not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new WireError('not an object');
  return { ...value };
}
