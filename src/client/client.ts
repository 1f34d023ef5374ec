import type { CodeCalls } from './code-calls.ts';
import { createCodeCalls } from './code-calls.ts';
import type { FileCalls } from './file-calls.ts';
import { createFileCalls } from './file-calls.ts';
import type { HttpOptions } from './http.ts';
import { createHttp } from './http.ts';
import type { ServiceCalls } from './service-calls.ts';
import { createServiceCalls } from './service-calls.ts';
import type { SessionCalls } from './session-calls.ts';
import { createSessionCalls } from './session-calls.ts';

/** Every route of the contract as a method. Refusals and lost connections are thrown as SidecarApiError. */
export interface SidecarClient extends ServiceCalls, SessionCalls, FileCalls, CodeCalls {}

/** Makes a client. It holds no connection; whoever aborts its signals owns what is running. */
export function createSidecarClient(options: HttpOptions): SidecarClient {
  const http = createHttp(options);
  return { ...createServiceCalls(http), ...createSessionCalls(http), ...createFileCalls(http), ...createCodeCalls(http) };
}
