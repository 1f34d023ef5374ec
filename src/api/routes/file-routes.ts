import {
  DeleteFileQuerySchema, IfMatchHeadersSchema, MoveRequestSchema, PutFileRequestSchema, ReadFileQuerySchema, WorkspaceFilesQuerySchema,
} from '../../contracts/index.ts';
import type { RouteHandlers } from '../route-handler.ts';
import { readUpload } from '../wire/multipart.ts';

const S = '/api/session/{session_id}';

const asciiName = (name: string): string => name.replace(/[^\x20-\x7e]|["\\]/g, '_');

/** The header that makes a browser save a file under its name (RFC 6266), whatever the name holds. */
function attachment(fileName: string): string {
  const encoded = encodeURIComponent(fileName.toWellFormed()).replace(/['()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${asciiName(fileName)}"; filename*=UTF-8''${encoded}`;
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
    if (request.query(ReadFileQuerySchema).raw === 'true') {
      const file = await files.readRaw(request.sessionId, name);
      return reply
        .header('content-type', file.contentType)
        .header('content-disposition', attachment(file.fileName))
        .header('content-security-policy', 'sandbox')
        .header('etag', file.etag)
        .send(Buffer.from(file.bytes));
    }
    const { etag, ...file } = await files.read(request.sessionId, name);
    return reply.header('etag', etag).send(file);
  },
  [`PUT ${S}/workspace/files/{filename}`]: (request) => request.deps.sessions.files.write(
    request.sessionId, request.param('filename'), { ...request.body(PutFileRequestSchema), ifMatch: request.headers(IfMatchHeadersSchema)['if-match'] ?? null }),
  [`DELETE ${S}/workspace/files/{filename}`]: async (request, reply) => {
    await request.deps.sessions.files.remove(request.sessionId, request.param('filename'), { recursive: request.query(DeleteFileQuerySchema).recursive === 'true' });
    return reply.code(204).send();
  },
  [`POST ${S}/workspace/move`]: (request) => request.deps.sessions.files.move(request.sessionId, request.body(MoveRequestSchema)),
  [`POST ${S}/upload`]: async (request) => await request.deps.sessions.files.upload(request.sessionId, await readUpload(request.raw)),
  [`GET ${S}/files`]: async (request) => ({ files: await request.deps.sessions.files.uploads(request.sessionId) }),
  [`DELETE ${S}/files/{filename}`]: (request) => request.deps.sessions.files.removeUpload(request.sessionId, request.param('filename')),
};
