import type { MultipartFile } from '@fastify/multipart';
import type { FastifyRequest } from 'fastify';
import { LIMITS, SidecarError } from '../../contracts/index.ts';
import type { UploadPart } from '../../sessions/index.ts';

/** Bounds of one multipart request. */
export const MULTIPART_LIMITS = {
  fileSize: LIMITS.upload_file_bytes, files: LIMITS.upload_files, fields: 4, parts: LIMITS.upload_files + 4, fieldNameSize: 100,
  fieldSize: 1_024, headerPairs: 32, headerSize: 16 * 1_024,
} as const;

/** Reads every part before anything is stored, so that one bad part leaves nothing behind. Throws a 400, 413 or 422 code. */
export async function readUpload(request: FastifyRequest): Promise<UploadPart[]> {
  const parts: UploadPart[] = [];
  limitBytes(request);
  try {
    for await (const part of request.parts()) {
      if (part.type !== 'file' || part.fieldname !== 'files') throw wrongField({ en: 'use the field "files"', zh: '请使用字段 files' });
      parts.push({ name: part.filename ?? '', bytes: await readPart(part) });
    }
  } catch (error) {
    throw isCoded(error) ? error : new SidecarError('BAD_REQUEST', 'not valid multipart form data', { cause: error });
  } finally {
    // What is left unread would hold the connection until it times out.
    request.raw.unpipe().resume();
  }
  if (parts.length > 0) return parts;
  throw wrongField({ en: 'the field "files" is missing', zh: '缺少字段 files' });
}

/** The parser bounds parts, not what stands between them; this bounds the whole request. */
function limitBytes({ raw }: FastifyRequest): void {
  let bytes = 0;
  const count = (chunk: Buffer): void => {
    bytes += chunk.length;
    if (bytes <= LIMITS.upload_request_bytes) return;
    raw.off('data', count);
    // The multipart reader ends with the error of its source.
    raw.emit('error', new SidecarError('PAYLOAD_TOO_LARGE', 'upload request too large'));
  };
  raw.on('data', count);
}

async function readPart(part: MultipartFile): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of part.file as AsyncIterable<Buffer>) chunks.push(chunk); // proof: the multipart reader yields buffers
  if (part.file.truncated) throw new SidecarError('FILE_TOO_LARGE', 'upload part too large');
  return Buffer.concat(chunks);
}

function wrongField(detail: { en: string; zh: string }): SidecarError {
  return new SidecarError('VALIDATION_FAILED', 'unexpected multipart field', { detail });
}

/** True for our own errors and those of the multipart plugin; the parser below it throws plain ones. */
function isCoded(error: unknown): boolean {
  return error instanceof SidecarError || (error instanceof Error && 'code' in error && String(error.code).startsWith('FST_'));
}
