import type { IncomingMessage } from 'node:http';
import type { Admission } from './guard/index.ts';

/** What the guard found, kept beside the request for as long as the request lives. */
const admissions = new WeakMap<IncomingMessage, Admission>();

export function rememberAdmission(request: IncomingMessage, admission: Admission): void {
  admissions.set(request, admission);
}

export function tokenStateOf(request: IncomingMessage): Admission['tokenState'] {
  return admissions.get(request)?.tokenState ?? 'none';
}
