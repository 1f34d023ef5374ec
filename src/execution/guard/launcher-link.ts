import type { Duplex } from 'node:stream';
import * as z from 'zod';
import type { LaneLimits } from './guard-contract.ts';

const LONGEST_LINE = 65_536;

const MessageSchema = z.discriminatedUnion('event', [
  z.object({ event: z.literal('started'), pid: z.int(), start_time: z.number() }),
  z.object({ event: z.literal('limit'), kind: z.enum(['memory', 'cpu', 'processes']), value: z.number(), limit: z.number() }),
  z.object({
    event: z.literal('exited'), code: z.int().nullable(), signal: z.string().nullable(), cpu_ms: z.number(), peak_bytes: z.number(),
    peak_processes: z.number(), survivors: z.int(),
  }),
]);
/** What the launcher says. */
export type LauncherMessage = z.infer<typeof MessageSchema>;

/** Cuts a stream into lines of JSON; `null` stands for a line that is not of the protocol. */
export function createLineParser(onMessage: (message: LauncherMessage | null) => void): (chunk: string) => void {
  let rest = '';
  return (chunk) => {
    rest += chunk;
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > LONGEST_LINE) lines.push(rest);
    for (const line of lines) onMessage(parseLine(line));
  };
}

/** The host's end of descriptor 3. */
export interface LauncherLink { arm(limits: LaneLimits): void; kill(): void; close(): void }

/** Speaks with the launcher; closing the link makes it end the tree. */
export function openLauncherLink(pipe: Duplex, onMessage: (message: LauncherMessage) => void): LauncherLink {
  const parse = createLineParser((message) => (message === null ? pipe.destroy() : onMessage(message)));
  pipe.setEncoding('utf8');
  pipe.on('data', parse);
  pipe.on('error', () => pipe.destroy()); // the launcher ended; its exit tells the rest
  const say = (message: object): void => {
    if (!pipe.destroyed && pipe.writable) pipe.write(`${JSON.stringify(message)}\n`);
  };
  return { arm: (limits) => say({ op: 'arm', limits }), kill: () => say({ op: 'kill' }), close: () => pipe.destroy() };
}

function parseLine(line: string): LauncherMessage | null {
  try {
    return MessageSchema.parse(JSON.parse(line));
  } catch {
    return null;
  }
}
