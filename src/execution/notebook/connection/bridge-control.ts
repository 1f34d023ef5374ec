import * as z from 'zod';
import { FrameError } from './frame-codec.ts';

const count = z.int().nonnegative();

const BridgeControlSchema = z.discriminatedUnion('op', [
  z.object({
    op: z.literal('hello'), protocol: z.literal(1), pid: z.int(), start_time: z.number(), python: z.string(), ipykernel: z.string(),
    pyzmq: z.string(), transport: z.string(),
  }),
  z.object({ op: z.literal('ready'), content: z.record(z.string(), z.unknown()) }),
  z.object({ op: z.literal('interrupted') }),
  z.object({ op: z.literal('pong'), id: z.number(), queued_bytes: z.number(), gate: z.string(), rss_bytes: count, dropped: count }),
  z.object({ op: z.literal('dropped'), parent_id: z.string(), stream: z.string(), bytes: count, messages: count, tail: z.string() }),
  z.object({ op: z.literal('bye') }),
  z.object({ op: z.literal('fatal'), error: z.string(), traceback: z.string() }),
]);

/** What a kernel's bridge says about itself. */
export type BridgeControl = z.infer<typeof BridgeControlSchema>;

/** Reads a control frame of a kernel. Throws FrameError for anything that its bridge does not send. */
export function readBridgeControl(part: Uint8Array | undefined): BridgeControl {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(part ?? new Uint8Array()).toString('utf8'));
  } catch (cause) {
    throw new FrameError('control frame is not JSON', { cause });
  }
  const parsed = BridgeControlSchema.safeParse(value);
  if (!parsed.success) throw new FrameError('unknown control frame', { cause: parsed.error });
  return parsed.data;
}
