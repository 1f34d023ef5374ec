import type { MultipartFile } from '@fastify/multipart';
import { LIMITS, MoveRequestSchema, PutFileRequestSchema, SidecarError, WorkspaceFilesQuerySchema } from '../../contracts/index.ts';
import type { UploadPart } from '../../sessions/index.ts';
import type { RouteHandlers, RouteRequest } from '../route-handler.ts';

const S = '/api/session/{session_id}';

const isTrue = (request: RouteRequest, name: string): boolean =>
  (request.raw.query as Record<string, string>)[name] === 'true'; // proof: fastify parses every query to an object of strings

const asciiName = (name: string): string => name.replace(/[^\x20-\x7e]|["\\]/g, '_');

/** Reads every part before anything is stored, so that one bad part leaves nothing behind. */
async function readParts(request: RouteRequest): Promise<UploadPart[]> {
  const parts: UploadPart[] = [];
  const budget = { bytes: LIMITS.upload_request_bytes };
  for await (const part of request.raw.parts()) {
    if (part.type !== 'file' || part.fieldname !== 'files') {
      throw new SidecarError('VALIDATION_FAILED', 'unexpected multipart field', { detail: { en: 'use the field "files"', zh: '请使用字段 files' } });
    }
    parts.push({ name: part.filename, bytes: await readPart(part, budget) });
  }
  if (parts.length > 0) return parts;
  throw new SidecarError('VALIDATION_FAILED', 'no file in the upload', { detail: { en: 'the field "files" is missing', zh: '缺少字段 files' } });
}

/** Bytes of one part, counted against its own limit and the whole request's. */
async function readPart(part: MultipartFile, budget: { bytes: number }): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  for await (const chunk of part.file as AsyncIterable<Buffer>) { // proof: busboy yields buffers
    budget.bytes -= chunk.length;
    if (budget.bytes < 0) throw new SidecarError('PAYLOAD_TOO_LARGE', 'upload request too large');
    chunks.push(chunk);
  }
  if (part.file.truncated) throw new SidecarError('FILE_TOO_LARGE', 'upload part too large');
  return Buffer.concat(chunks);
}

/** Routes of the workspace and of uploads. */
export const fileRoutes: RouteHandlers = {
  [`GET ${S}/workspace`]: (request) => request.deps.sessions.files.workspace(request.sessionId),
  [`GET ${S}/workspace/files`]: async (request) => ({
    files: await request.deps.sessions.files.list(request.sessionId, request.query(WorkspaceFilesQuerySchema).prefix),
  }),
  [`GET ${S}/workspace/files/{filename}`]: async (request, reply) => {
    const { files } = request.deps.sessions;
    const name = request.param('filename');
    if (isTrue(request, 'raw')) {
      const file = await files.readRaw(request.sessionId, name);
      return reply
        .header('content-type', file.contentType)
        .header('content-disposition', `attachment; filename="${asciiName(file.fileName)}"; filename*=UTF-8''${encodeURIComponent(file.fileName)}`)
        .header('content-security-policy', 'sandbox')
        .header('etag', file.etag)
        .send(Buffer.from(file.bytes));
    }
    const { etag, ...file } = await files.read(request.sessionId, name);
    return reply.header('etag', etag).send(file);
  },
  [`PUT ${S}/workspace/files/{filename}`]: (request) => request.deps.sessions.files.write(
    request.sessionId, request.param('filename'), { ...request.body(PutFileRequestSchema), ifMatch: request.header('if-match') }),
  [`DELETE ${S}/workspace/files/{filename}`]: async (request, reply) => {
    await request.deps.sessions.files.remove(request.sessionId, request.param('filename'), { recursive: isTrue(request, 'recursive') });
    return reply.code(204).send();
  },
  [`POST ${S}/workspace/move`]: (request) => request.deps.sessions.files.move(request.sessionId, request.body(MoveRequestSchema)),
  [`POST ${S}/upload`]: async (request) => {
    request.deps.sessions.state(request.sessionId); // An unknown session is told before the body is read.
    return await request.deps.sessions.files.upload(request.sessionId, await readParts(request));
  },
  [`GET ${S}/files`]: async (request) => ({ files: await request.deps.sessions.files.uploads(request.sessionId) }),
  [`DELETE ${S}/files/{filename}`]: (request) => request.deps.sessions.files.removeUpload(request.sessionId, request.param('filename')),
};

/** Bounds of one multipart request. */
export const MULTIPART_LIMITS = {
  fileSize: LIMITS.upload_file_bytes, files: LIMITS.upload_files, fields: 4, parts: LIMITS.upload_files + 4, fieldNameSize: 100,
  fieldSize: 1_024, headerPairs: 32,
} as const;
