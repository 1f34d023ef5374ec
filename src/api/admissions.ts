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

/** True for a request that any page or program could have sent: the guard refused it, or its route asks for nothing. */
export function isFromAnybody(request: IncomingMessage): boolean {
  const admission = admissions.get(request);
  if (admission === undefined) return true;
  return admission.tokenState !== 'valid' && (admission.match.kind !== 'route' || admission.match.auth === 'none');
}
