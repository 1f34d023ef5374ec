import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { FastifyReply } from 'fastify';
import { SidecarError } from '../../contracts/index.ts';
import type { RouteHandlers } from '../route-handler.ts';
import { DOCS_STYLE, renderDocsPage } from './docs-page.ts';

const PAGE_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data: blob:; "
  + "frame-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8', css: 'text/css; charset=utf-8', js: 'text/javascript; charset=utf-8', svg: 'image/svg+xml',
};

function sendPage(reply: FastifyReply, type: string, body: string | Buffer): FastifyReply {
  return reply.header('content-security-policy', PAGE_POLICY).header('content-type', TYPES[type] ?? 'application/octet-stream').send(body);
}

/** Pages and their static files: no data by themselves, nothing from elsewhere. */
export const pageRoutes: RouteHandlers = {
  'GET /': async (request, reply) => {
    const { workbenchDir, report } = request.deps;
    if (workbenchDir === null) return { message: 'sidecar is running', version: report.version, docs: '/docs' };
    return sendPage(reply, 'html', await readFile(join(workbenchDir, 'index.html')));
  },
  'GET /docs': (_request, reply) => sendPage(reply, 'html', renderDocsPage()),
  'GET /redoc': (_request, reply) => reply.redirect('/docs', 302),
  'GET /assets/{filename}': async (request, reply) => {
    const name = request.param('filename');
    if (name === 'docs.css') return sendPage(reply, 'css', DOCS_STYLE);
    const { workbenchDir } = request.deps;
    const match = /^[a-z][a-z0-9-]*\.(js|css|svg)$/.exec(name);
    if (workbenchDir === null || match === null) throw new SidecarError('NOT_FOUND', 'no such page file');
    const file = await readFile(join(workbenchDir, name)).catch(() => null);
    if (file === null) throw new SidecarError('NOT_FOUND', 'no such page file');
    return sendPage(reply, match[1] ?? '', file);
  },
};
