import type { ServerResponse } from 'node:http';
import { CATALOGUE, SidecarError, describeError } from '../../contracts/index.ts';
import type { ErrorCode, Language } from '../../contracts/index.ts';

export interface ErrorAnswer { status: number; headers: Record<string, string>; body: { detail: string; code: ErrorCode } }

/** Any thrown value as the answer that a client sees: never a stack, a path or upstream text. */
export function toErrorAnswer(error: unknown, language: Language): ErrorAnswer {
  const known = error instanceof SidecarError ? error : new SidecarError(codeOfForeignError(error), 'unexpected', { cause: error });
  const status = CATALOGUE[known.code].status ?? 500;
  const headers: Record<string, string> = {};
  if (status === 429 || status === 503) headers['retry-after'] = String(known.retryAfterSeconds ?? 1);
  return { status, headers, body: { detail: describeError(known, language), code: known.code } };
}

const FOREIGN_CODES: Record<string, ErrorCode> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'PAYLOAD_TOO_LARGE',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'BAD_REQUEST',
  FST_ERR_BAD_URL: 'BAD_REQUEST',
  FST_REQ_FILE_TOO_LARGE: 'FILE_TOO_LARGE',
  FST_FILES_LIMIT: 'TOO_MANY_FILES',
  FST_PARTS_LIMIT: 'BAD_REQUEST',
  FST_FIELDS_LIMIT: 'BAD_REQUEST',
  FST_MP_PREMATURE_CLOSE: 'BAD_REQUEST',
  FST_INVALID_JSON_FIELD_ERROR: 'BAD_REQUEST',
  FST_ERR_MAX_PARAM_LENGTH: 'BAD_REQUEST',
  FST_PROTO_VIOLATION: 'BAD_REQUEST',
  FST_INVALID_MULTIPART_CONTENT_TYPE: 'UNSUPPORTED_MEDIA_TYPE',
};

function codeOfForeignError(error: unknown): ErrorCode {
  const code = typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
  return FOREIGN_CODES[code] ?? 'INTERNAL';
}

/** Writes an error answer on a raw response, for refusals before routing. */
export function writeErrorAnswer(response: ServerResponse, answer: ErrorAnswer): void {
  const body = JSON.stringify(answer.body);
  response.writeHead(answer.status, {
    ...answer.headers, 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body),
  }).end(body);
}
