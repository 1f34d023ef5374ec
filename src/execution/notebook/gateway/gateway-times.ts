/** Times of everything that waits for a gateway; tests shorten them. */
export interface GatewayTimes {
  /** One REST call. */
  callMs: number;
  /** Between questions whether a new kernel is ready, or an old one still lives. */
  askMs: number;
  /** Pauses between attempts to reach a lost kernel, or to end one. */
  firstPauseMs: number;
  longestPauseMs: number;
  /** A kernel that was out of reach for so long is given up. */
  giveUpMs: number;
  /** A cell that lost its connection hears something within this time, or is lost. */
  silenceMs: number;
  /** Between looks at the kernel while a cell runs. */
  lookMs: number;
  /** How long a kernel is asked whether it lives, before the answer of a cell is believed. */
  confirmMs: number;
  /** A start as a whole; unset = as `launchLimits` says. */
  readyMs?: number;
  /** What a stop waits for kernels to end there; the rest is ended at the next start. */
  stopMs: number;
}

export const GATEWAY_TIMES: GatewayTimes = {
  callMs: 30_000, askMs: 500, firstPauseMs: 1_000, longestPauseMs: 30_000, giveUpMs: 120_000, silenceMs: 30_000, lookMs: 3_000,
  confirmMs: 10_000, stopMs: 2_000,
};

/** A remote start may have to fetch an image first. */
const READY_MS = 120_000;
/** The gateway gives up before we do, so that its own word reaches us. */
const MARGIN_MS = 5_000;
/** Node's own limit for the first byte of an answer is 300 s. */
const LONGEST_READY_MS = 290_000;

/** How long a start may take, and what the gateway is told about it; an operator's KERNEL_LAUNCH_TIMEOUT moves both. */
export function launchLimits(environment: Readonly<Record<string, string>>): { readyMs: number; launchSeconds: number } {
  const asked = Number(environment.KERNEL_LAUNCH_TIMEOUT ?? environment.LAUNCH_TIMEOUT ?? Number.NaN);
  const readyMs = Number.isFinite(asked) && asked > 0 ? Math.min(LONGEST_READY_MS, asked * 1000 + MARGIN_MS) : READY_MS;
  return { readyMs, launchSeconds: Math.floor((readyMs - MARGIN_MS) / 1000) };
}
