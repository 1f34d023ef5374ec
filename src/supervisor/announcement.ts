/** What a sidecar says on its stdout, one JSON object per line. */
export type Announcement =
  | { event: 'ready'; url: string; pid: number; contractVersion: string; version: string }
  | { event: 'fatal'; code: string; message: string }
  | { event: 'stopping'; reason: string };

/** Reads one line; null for anything else than an announcement. Pure. */
export function tryParseAnnouncement(line: string): Announcement | null {
  const fields = tryParseObject(line);
  const text = (name: string): string => (typeof fields?.[name] === 'string' ? fields[name] : '');
  switch (fields?.['event']) {
    case 'ready': {
      const url = text('url');
      if (!/^http:\/\/(127\.0\.0\.1|localhost|\[::1\]):\d{1,5}$/.test(url)) return null;
      return { event: 'ready', url, pid: Number(fields['pid']), contractVersion: text('contract_version'), version: text('version') };
    }
    case 'fatal': return { event: 'fatal', code: text('code') || 'INTERNAL', message: text('message') };
    case 'stopping': return { event: 'stopping', reason: text('reason') };
    default: return null;
  }
}

function tryParseObject(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    return null; // A line of something else, such as a debugger's greeting.
  }
}
