import type { IncomingMessage } from 'node:http';
import { LIMITS, SidecarError } from '../../contracts/index.ts';
import { parseJsonBody } from '../wire/json-body.ts';

/** One request below `/jupyter`: decoded path parts, query and body. */
export interface DoorRequest {
  method: string;
  /** Parts that the route's pattern caught, percent-decoded once. */
  parts: string[];
  query: URLSearchParams;
  body(): Promise<Record<string, unknown>>;
}

/** Reads a JSON body within its bound. Throws PAYLOAD_TOO_LARGE, INVALID_JSON, UNSUPPORTED_MEDIA_TYPE. */
export async function readDoorBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  // Notebook clients send JSON under several names, or none; a form is what a foreign page could send.
  if (type === 'multipart/form-data' || type === 'application/x-www-form-urlencoded') throw new SidecarError('UNSUPPORTED_MEDIA_TYPE', 'send JSON');
  const limit = request.method === 'PUT' ? LIMITS.notebook_put_bytes : LIMITS.json_body_bytes;
  if (Number(request.headers['content-length'] ?? 0) > limit) throw new SidecarError('PAYLOAD_TOO_LARGE', 'declared length');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) { // proof: no encoding is set
    size += chunk.length;
    if (size > limit) throw new SidecarError('PAYLOAD_TOO_LARGE', 'body');
    chunks.push(chunk);
  }
  const bytes = Buffer.concat(chunks);
  const value = request.method === 'PUT' ? parseContent(bytes) : parseJsonBody(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new SidecarError('VALIDATION_FAILED', 'not an object', { detail: 'send an object' });
  return { ...value };
}

/** A file to save: notebooks have more keys than a request may have; what they hold is checked as a notebook. */
function parseContent(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.length === 0 ? '{}' : new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new SidecarError('INVALID_JSON', 'body is not JSON', { cause });
  }
}

/** Decodes one path part. Throws FILE_NOT_FOUND for what cannot be decoded or hides a separator. */
export function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    throw new SidecarError('FILE_NOT_FOUND', 'path cannot be decoded', { cause });
  }
}
