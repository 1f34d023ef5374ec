/** How long a provider wants us to wait, from `retry-after-ms`, or `retry-after` in seconds or as a date; null when it says nothing. */
export function readRetryAfterMs(headers: Readonly<Record<string, string>>, nowMs: number): number | null {
  const milliseconds = readNumber(headers['retry-after-ms']);
  if (milliseconds !== null) return Math.round(milliseconds);
  const value = headers['retry-after'];
  if (value === undefined) return null;
  const seconds = readNumber(value);
  if (seconds !== null) return Math.round(seconds * 1000);
  const date = Date.parse(value);
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs);
}

function readNumber(value: string | undefined): number | null {
  if (value === undefined || !/^\s*\d+(\.\d+)?\s*$/.test(value)) return null;
  return Number(value);
}
