import { randomBytes, randomUUID } from 'node:crypto';
import type { IdPrefix } from '../contracts/index.ts';

/** What the process reads time from; tests pass their own. */
export interface Clock {
  now(): Date;
  /** Milliseconds of a clock that never jumps; only differences mean something. */
  monotonicMs(): number;
}

export const systemClock: Clock = { now: () => new Date(), monotonicMs: () => performance.now() };

/** Mints ids; ours are sortable by time. */
export interface Ids {
  mint(prefix: IdPrefix): string;
  uuid(): string;
  /** Unguessable text of the given number of random bytes, base64url. */
  secret(bytes: number): string;
}

const CROCKFORD = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';

/** 48 bits of time and 80 of chance, as ULID does: 26 characters that sort by time. */
export function createIds(clock: Clock): Ids {
  const encode = (value: bigint, length: number): string => {
    let text = '';
    let rest = value;
    for (let index = 0; index < length; index += 1) {
      text = CROCKFORD.charAt(Number(rest & 31n)) + text;
      rest >>= 5n;
    }
    return text;
  };
  return {
    mint: (prefix) => prefix + encode(BigInt(clock.now().getTime()), 10) + encode(BigInt(`0x${randomBytes(10).toString('hex')}`), 16),
    uuid: () => randomUUID(),
    secret: (bytes) => randomBytes(bytes).toString('base64url'),
  };
}

/** The logger everything gets: fields first, then a constant message. Satisfied by pino. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A log that keeps nothing; for tests and tools. */
export const silentLog: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };
