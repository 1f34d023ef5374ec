import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { describeContract } from '../../src/api/index.ts';
import { CATALOGUE, encodeFrame } from '../../src/contracts/index.ts';

const S = '/api/session/{session_id}';

/** Frozen: names that shipped clients use. Nothing here may be removed, renamed or change its class. */
const ROUTES = {
  none: ['GET /health', 'GET /', 'GET /docs', 'GET /redoc'],
  open: [
    'GET /api/contract', 'POST /api/session/new', `POST ${S}/reattach`, `POST ${S}/message/stream`, `POST ${S}/message/cancel`,
    `GET ${S}/dynamic_report`, `GET ${S}/dynamic-report`, 'GET /api/sessions', `GET ${S}/history`, `POST ${S}/skip-task`, `POST ${S}/end`,
  ],
  token: [
    `GET ${S}/state`, `GET ${S}/events`, `GET ${S}/usage`, 'DELETE /api/session/{session_id}', `POST ${S}/workspace/move`,
    `GET ${S}/executions`, `GET ${S}/executions/{execution_id}`, `GET ${S}/expert-reports`, `GET ${S}/expert-reports/{report_id}`,
    `GET ${S}/workspace`, `GET ${S}/workspace/files`, `GET ${S}/workspace/files/{filename}`, `PUT ${S}/workspace/files/{filename}`,
    `DELETE ${S}/workspace/files/{filename}`, `POST ${S}/upload`, `GET ${S}/files`, `DELETE ${S}/files/{filename}`,
    `POST ${S}/code/run`, `POST ${S}/code/jobs`, `GET ${S}/code/jobs/{job_id}`, `POST ${S}/code/jobs/{job_id}/cancel`,
    `POST ${S}/code/stream`, `GET ${S}/code/jobs`, `GET ${S}/code/jobs/{job_id}/stream`,
    `POST ${S}/notebook/cell/run`, `POST ${S}/notebook/reset`, `POST ${S}/notebook/cell/stream`, `POST ${S}/notebook/interrupt`,
    `POST ${S}/notebook/restart`, `POST ${S}/notebook/input`, `GET ${S}/notebook/status`, `POST ${S}/notebook/complete`,
    `POST ${S}/notebook/inspect`, `GET ${S}/notebook/file`, `PUT ${S}/notebook/file`,
    'GET /api/courses', 'GET /api/courses/{course_id}/chapters', 'GET /api/chapters', 'GET /openapi.json', 'GET /api/capabilities',
    'GET /api/diagnostics', 'GET /jupyter/{path}', 'POST /jupyter/{path}', 'PUT /jupyter/{path}', 'PATCH /jupyter/{path}', 'DELETE /jupyter/{path}',
  ],
};
const EVENTS = [
  'start', 'turn_phase', 'companion_start', 'companion_chunk', 'companion_complete', 'consultation_start', 'consultation_progress',
  'consultation_complete', 'consultation_error', 'token_usage', 'notice', 'session_end_suggested', 'llm_error', 'error', 'cancelled', 'complete',
  'stream_reset', 'report_updated', 'task_skipped', 'session_ended', 'session_imported', 'server_shutdown',
];

it('keeps every frozen route with its class, and has no route that is not frozen', () => {
  const served = describeContract().routes;

  for (const [auth, frozen] of Object.entries(ROUTES)) {
    expect(served.filter((route) => route.auth === auth).map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(frozen.toSorted());
  }
});

it('keeps the contract check of the shipped desktop: version, five routes, eight events', () => {
  const contract = describeContract();

  expect(contract.contract_version).toBe('v1');
  expect(contract.sse_event_types).toEqual(EVENTS);
  expect(contract.routes.map(({ method, path }) => `${method} ${path}`)).toEqual(expect.arrayContaining([
    'POST /api/session/new', `POST ${S}/message/stream`, `GET ${S}/dynamic_report`, `POST ${S}/end`, 'GET /health',
  ]));
});

it('keeps the status of every code, and the texts that clients compare', () => {
  const byStatus = Object.groupBy(Object.entries(CATALOGUE), ([, { status }]) => String(status));
  const counts = Object.fromEntries(Object.entries(byStatus).map(([status, entries]) => [status, entries!.length]));

  expect(counts).toEqual({ 400: 10, 401: 1, 403: 2, 404: 10, 405: 1, 409: 9, 412: 1, 413: 1, 415: 1, 422: 11, 429: 3, 500: 2, 503: 3, 507: 1, null: 21 });
  expect(CATALOGUE.SESSION_NOT_FOUND.zh).toBe('会话不存在');
  expect(CATALOGUE.CHAPTER_ID_INVALID.en.startsWith('invalid chapter_id')).toBe(true);
  expect(CATALOGUE.CHAPTER_ID_INVALID.zh.startsWith('invalid chapter_id')).toBe(true);
});

it('writes frames byte for byte as clients match them', () => {
  expect(encodeFrame('3.41', { type: 'start', turn_id: 'trn_1', turn_index: 4, kind: 'student', note: undefined }))
    .toBe('id: 3.41\ndata: {"type": "start","turn_id": "trn_1","turn_index": 4,"kind": "student"}\n\n');
});

it('serves the committed OpenAPI document', () => {
  const document = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'openapi.json'), 'utf8')) as { openapi: string; paths: object };

  expect(document.openapi).toBe('3.1.0');
  expect(Object.keys(document.paths)).toHaveLength(new Set(describeContract().routes.map(({ path }) => path)).size);
});
