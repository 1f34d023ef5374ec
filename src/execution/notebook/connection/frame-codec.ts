/** Bounds of a frame; anything beyond them is a protocol fault. */
export const FRAME_LIMITS = { frameBytes: 64 * 1024 * 1024, controlBytes: 64 * 1024, parts: 68 } as const;

export const FRAME_KIND = { message: 1, control: 2 } as const;
export const CHANNELS = ['shell', 'control', 'stdin', 'iopub'] as const;
export type Channel = (typeof CHANNELS)[number];

const LENGTH_BYTES = 4;
const HEAD_BYTES = 4;
const MESSAGE_PARTS = 4;
const IOPUB = 3;

/** One frame of the pipe bridge. */
export interface Frame { kind: number; channel: number; parts: Buffer[] }

/** Bytes that are no frame: the kernel is ended. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

/** The bytes of a frame: u32 length of the rest, u8 kind, u8 channel, u16 parts, parts × u32 size, then the parts; big-endian. */
export function encodeFrame({ kind, channel, parts }: { kind: number; channel: number; parts: readonly Uint8Array[] }): Buffer {
  const bodyBytes = parts.reduce((sum, part) => sum + part.length, 0);
  const length = HEAD_BYTES + 4 * parts.length + bodyBytes;
  if (parts.length > FRAME_LIMITS.parts || length > FRAME_LIMITS.frameBytes) throw new FrameError('frame too large');
  const head = Buffer.allocUnsafe(LENGTH_BYTES + HEAD_BYTES + 4 * parts.length);
  head.writeUInt32BE(length, 0);
  head.writeUInt8(kind, 4);
  head.writeUInt8(channel, 5);
  head.writeUInt16BE(parts.length, 6);
  parts.forEach((part, index) => head.writeUInt32BE(part.length, LENGTH_BYTES + HEAD_BYTES + 4 * index));
  return Buffer.concat([head, ...parts]);
}

/** The bytes of a control frame. */
export function encodeControl(op: string, content: Readonly<Record<string, unknown>> = {}): Buffer {
  const body = Buffer.from(JSON.stringify({ op, ...content }));
  if (body.length > FRAME_LIMITS.controlBytes) throw new FrameError('control frame too large');
  return encodeFrame({ kind: FRAME_KIND.control, channel: 0, parts: [body] });
}

/** Puts chunks of a byte stream together to frames; holds at most one frame and one chunk. */
export class FrameReader {
  #chunks: Buffer[] = [];
  #held = 0;

  /** The frames that are complete now. Throws FrameError; the stream is unusable then. */
  push(chunk: Buffer): Frame[] {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame);
    return frames;
  }

  /** Bytes of a frame that is not complete. */
  get held(): number {
    return this.#held;
  }

  #next(): Frame | null {
    if (this.#held < LENGTH_BYTES) return null;
    const length = this.#joined(LENGTH_BYTES).readUInt32BE(0);
    if (length > FRAME_LIMITS.frameBytes) throw new FrameError('frame too large');
    if (this.#held < LENGTH_BYTES + length) return null;
    const joined = this.#joined(LENGTH_BYTES + length);
    const rest = joined.subarray(LENGTH_BYTES + length);
    this.#chunks[0] = rest;
    this.#held -= LENGTH_BYTES + length;
    return decodeFrame(joined.subarray(LENGTH_BYTES, LENGTH_BYTES + length));
  }

  /** The first chunk, made at least this long. */
  #joined(size: number): Buffer {
    let first = this.#chunks[0] ?? Buffer.alloc(0);
    if (first.length < size) {
      first = Buffer.concat(this.#chunks);
      this.#chunks = [first];
    }
    return first;
  }
}

/** Reads a frame without its length. Throws FrameError for anything that `encodeFrame` does not make. */
export function decodeFrame(body: Buffer): Frame {
  if (body.length < HEAD_BYTES) throw new FrameError('short frame');
  const kind = body.readUInt8(0);
  const channel = body.readUInt8(1);
  const count = body.readUInt16BE(2);
  let start = HEAD_BYTES + 4 * count;
  const isKnown = kind === FRAME_KIND.message || kind === FRAME_KIND.control;
  if (!isKnown || count > FRAME_LIMITS.parts || body.length < start) throw new FrameError('bad frame head');
  const sizes = Array.from({ length: count }, (_, index) => body.readUInt32BE(HEAD_BYTES + 4 * index));
  if (sizes.reduce((sum, size) => sum + size, 0) !== body.length - start) throw new FrameError('sizes do not fit');
  if (kind === FRAME_KIND.control && (channel !== 0 || count !== 1 || (sizes[0] ?? 0) > FRAME_LIMITS.controlBytes)) {
    throw new FrameError('bad control frame');
  }
  if (kind === FRAME_KIND.message && (channel > IOPUB || count < MESSAGE_PARTS)) throw new FrameError('bad message frame');
  const parts = sizes.map((size) => {
    const part = body.subarray(start, start + size);
    start += size;
    return part;
  });
  return { kind, channel, parts };
}
