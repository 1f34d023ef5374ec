import { CHANNELS, FRAME_KIND, FrameError, encodeFrame } from './frame-codec.ts';
import type { Channel, Frame } from './frame-codec.ts';

export type JsonObject = Record<string, unknown>;

/** Header of a Jupyter message; fields beyond these pass untouched. */
export interface MessageHeader extends JsonObject { msg_id: string; msg_type: string; session: string }

/** One message of the Jupyter protocol, without identities and signature. */
export interface JupyterMessage {
  channel: Channel;
  header: MessageHeader;
  parent_header: JsonObject;
  metadata: JsonObject;
  content: JsonObject;
  buffers: Uint8Array[];
}

/** Id of the request that a message belongs to, or the empty text. */
export function parentIdOf(message: Pick<JupyterMessage, 'parent_header'>): string {
  const { msg_id: id } = message.parent_header;
  return typeof id === 'string' ? id : '';
}

/** A frame's message. Throws FrameError when a part is no JSON object, or the header lacks its ids. */
export function messageOfFrame(frame: Frame): JupyterMessage {
  const [header, parent, metadata, content, ...buffers] = frame.parts;
  const channel = CHANNELS[frame.channel];
  if (channel === undefined) throw new FrameError('unknown channel');
  return {
    channel, header: readHeader(objectOf(header)), parent_header: objectOf(parent), metadata: objectOf(metadata), content: objectOf(content), buffers,
  };
}

/** The bytes of a message as a frame. */
export function frameOfMessage(message: JupyterMessage): Buffer {
  const json = [message.header, message.parent_header, message.metadata, message.content].map((part) => Buffer.from(JSON.stringify(part)));
  return encodeFrame({ kind: FRAME_KIND.message, channel: CHANNELS.indexOf(message.channel), parts: [...json, ...message.buffers] });
}

/** Checks what every header must have. Throws FrameError. */
export function readHeader(value: JsonObject): MessageHeader {
  const { msg_id: id, msg_type: type, session } = value;
  if (typeof id !== 'string' || typeof type !== 'string') throw new FrameError('header without msg_id or msg_type');
  return { ...value, msg_id: id, msg_type: type, session: typeof session === 'string' ? session : '' };
}

function objectOf(part: Uint8Array | undefined): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part ?? new Uint8Array()).toString('utf8'));
  } catch (cause) {
    throw new FrameError('a part is not JSON', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new FrameError('a part is not an object');
  return value as JsonObject; // proof: checked in the line above
}
