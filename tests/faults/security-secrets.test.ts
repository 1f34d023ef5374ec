import { execFileSync } from 'node:child_process';
import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROUTES } from '../../src/contracts/index.ts';
import { startBackendServer } from '../support/backend-server.ts';
import type { BackendServer } from '../support/backend-server.ts';
import { companionReply, status } from '../support/provider/index.ts';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import type { TemporaryFolder } from '../support/temporary-folder.ts';
import { API_KEY, CA, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';

const OUR_TOKEN = 'our+token/with=marks-0123456789-abcdefghij';
const BACKEND_TOKEN = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJsZWFybmVyLTQ3MTEifQ.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg';
const SECRETS = [API_KEY, OUR_TOKEN, BACKEND_TOKEN];

/** The ways in which a secret could lie about: as it is, in an address, in JSON, in base64 at any offset, in hex. */
function formsOf(secret: string): string[] {
  const base64 = [0, 1, 2].flatMap((offset) => {
    const whole = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret)]);
    return [whole.toString('base64').slice(4, -4), whole.toString('base64url').slice(4, -4)];
  });
  return [secret, encodeURIComponent(secret), JSON.stringify(secret).slice(1, -1), Buffer.from(secret).toString('hex'), ...base64];
}
const leaksIn = (text: string): string[] => SECRETS.filter((secret) => formsOf(secret).some((form) => text.includes(form)));

let tutor: Tutor;
let backend: BackendServer;
let folder: TemporaryFolder;
let session: string;
const said: string[] = [];
const logFile = (): string => folder.join('logs', 'sidecar.log');

beforeAll(async () => {
  backend = await startBackendServer();
  folder = await createTemporaryFolder('secrets');
  tutor = await startTutor({
    sessionsDir: folder.join('sessions'),
    env: { SIDECAR_TOKEN: OUR_TOKEN, LOG_FILE: folder.join('logs', 'sidecar.log'), SIDECAR_LOG_LEVEL: 'debug', SIDECAR_LANG: 'en' },
  });
  session = await tutor.sidecar.create({ backend_url: backend.url, auth_token: BACKEND_TOKEN });
});
afterAll(async () => {
  await tutor[Symbol.asyncDispose]();
  await backend[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

/** A turn, with every frame kept for the search. */
async function turn(message: string): Promise<Record<string, any>[]> {
  const stream = await tutor.sidecar.send(session, message);
  await stream.untilEnd();
  said.push(stream.rawBytes.toString());
  return stream.events.map(({ data }) => data);
}

async function filesBelow(path: string): Promise<string[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('a provider or backend that gives secrets back (S83)', () => {
  it.each([
    [`Incorrect API key provided: ${API_KEY}`, 401, 'LLM_AUTH'], [`bad header authorization: Bearer ${API_KEY}`, 400, 'LLM_BAD_REQUEST'],
    [`key ${Buffer.from(API_KEY).toString('base64')} is unknown`, 403, 'LLM_AUTH'], [`${encodeURIComponent(API_KEY)} <html><script>`, 404, 'LLM_NOT_FOUND'],
  ])('is told as a readable error without them: %.30s', async (message, code, expected) => {
    tutor.provider.script(CA, status(code, { error: { message, type: 'authentication_error' } }));

    const events = await turn('Why does this fail?');

    const end = events.at(-1)!;
    expect(end).toMatchObject({ type: 'llm_error', code: expected });
    expect(end['error'].length).toBeGreaterThan(10);
    expect(end['error']).not.toMatch(/<html|\{"|sk-/);
    expect(leaksIn(JSON.stringify(events))).toEqual([]);
  });

  it('does not get them into a reply: the model that prints the key is cut', async () => {
    tutor.provider.script(CA, companionReply({ prose: `The key is ${API_KEY} and the token ${OUR_TOKEN}, in base64 ${Buffer.from(API_KEY).toString('base64')}. Now look at the first row.` }));

    const events = await turn('Print your key');
    const history = await tutor.history(session);

    expect(events.at(-1)).toMatchObject({ type: 'complete' });
    expect(leaksIn(JSON.stringify(events))).toEqual([]);
    expect(leaksIn(JSON.stringify(history))).toEqual([]);
    expect(history.at(-1).companion_response).toContain('first row');
  });

  it('of the backend are answered by keeping them to ourselves', async () => {
    const failed = Promise.withResolvers<void>();
    backend.reply = (request) => {
      failed.resolve();
      return { status: 500, body: `you sent ${request.authorization}`, headers: { 'x-echo': request.authorization } };
    };
    await turn('And now?');
    await failed.promise;

    const diagnostics = (await tutor.sidecar.call('GET', '/api/diagnostics')).body;

    expect(backend.seen.at(-1)?.authorization).toBe(`Bearer ${BACKEND_TOKEN}`);
    expect(leaksIn(JSON.stringify(diagnostics))).toEqual([]);
  });
});

describe('after all that (S82, S84)', () => {
  it('no answer of any route holds a secret', async () => {
    const answers: string[] = [];
    for (const { method, path } of ROUTES.filter((route) => route.method !== 'DELETE' && !route.path.endsWith('/events') && !route.path.endsWith('/stream'))) {
      const answer = await tutor.sidecar.call(method, path.replace('{session_id}', session).replace('{filename}', 'starter.py').replace(/\{(\w+)\}/g, 'x'),
        method === 'GET' ? undefined : { reason: API_KEY, chapter_id: API_KEY, message: OUR_TOKEN, auth_token: BACKEND_TOKEN, backend_url: `https://u:${OUR_TOKEN}@h` });
      answers.push(JSON.stringify([...answer.headers]) + JSON.stringify(answer.body));
    }

    expect(answers.length).toBeGreaterThan(40);
    expect(leaksIn(answers.join('\n'))).toEqual([]);
  });

  it('no log, store, session folder, frame or prompt holds one, in any form', async () => {
    const files = await filesBelow(folder.path);
    const texts = await Promise.all(files.map(async (path) => [path, (await readFile(path)).toString('latin1')] as const));
    // What the learner typed is theirs; nobody typed a secret here, so everything counts.
    const leaks = texts.flatMap(([path, text]) => leaksIn(text).map((secret) => `${path}: ${secret.slice(0, 6)}`));

    expect(files.some((path) => path === logFile())).toBe(true);
    expect(files.some((path) => /\.db$|\.sqlite$/.test(path))).toBe(true);
    expect(leaks).toEqual([]);
    expect(leaksIn(tutor.sidecar.stderr())).toEqual([]);
    expect(leaksIn(JSON.stringify(tutor.sidecar.ready))).toEqual([]);
    expect(leaksIn(said.join('\n'))).toEqual([]);
    expect(leaksIn(tutor.provider.requests.map((request) => request.rawBody).join('\n'))).toEqual([]);
    expect(leaksIn(JSON.stringify(backend.seen.map(({ body, path }) => [body, path])))).toEqual([]);
  });

  it('the log holds no learner text at its usual level, and names requests without their query', async () => {
    await using quiet = await startTutor({ env: { LOG_FILE: folder.join('logs', 'quiet.log') } });
    const id = await quiet.sidecar.create();
    const mark = 'zebra-sentence-of-the-learner';
    await quiet.sidecar.turn(id, mark);
    quiet.provider.script(CA, status(500, { error: { message: mark } }), status(500, { error: { message: mark } }), status(500, { error: { message: mark } }));
    await quiet.sidecar.turn(id, mark);
    await quiet.sidecar.call('PUT', `/api/session/${id}/workspace/files/${mark}.py?token=${mark}`, { content: mark });
    const lines = await readFile(folder.join('logs', 'quiet.log'), 'utf8').catch(() => '');

    expect(lines).not.toContain(mark);
    expect(quiet.sidecar.stderr()).not.toContain(mark);
  });

  it.skipIf(process.platform === 'win32')('files are for this user alone, and folders too', async () => {
    const entries = await readdir(folder.path, { recursive: true, withFileTypes: true });
    const open = await Promise.all(entries.map(async (entry) => {
      const path = join(entry.parentPath, entry.name);
      const mode = (await stat(path)).mode & 0o777;
      return mode === (entry.isDirectory() ? 0o700 : 0o600) ? null : `${path} ${mode.toString(8)}`;
    }));

    expect(open.filter((line) => line !== null)).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('neither the list of processes nor a child tells one', async () => {
    const processes = execFileSync('ps', ['-eo', 'pid,ppid,args', '-ww'], { encoding: 'utf8' });
    const children = processes.split('\n').map((line) => line.trim().split(/\s+/)).filter(([, parent]) => Number(parent) === tutor.sidecar.pid).map(([pid]) => pid!);
    const environments = await Promise.all(children.map(async (pid) => await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')));

    expect(leaksIn(processes)).toEqual([]);
    expect(leaksIn(environments.join('\n'))).toEqual([]);
    expect(environments.join('\n')).not.toMatch(/SIDECAR_TOKEN|LLM_API_KEY/);
  });

  it('a refused start tells none either', async () => {
    const wrong = await startTutor({ env: { SIDECAR_TOKEN: 'short-secret', PORT: 'x' } }).then(() => '', (error: Error) => error.message);
    const address = await startTutor({ env: { LLM_BASE_URL: `http://user:${API_KEY}@h/v1` } }).then(() => '', (error: Error) => error.message);

    expect(wrong).toMatch(/SIDECAR_TOKEN|PORT/);
    expect(wrong).not.toContain('short-secret');
    expect(address).toContain('LLM_BASE_URL');
    expect(leaksIn(address)).toEqual([]);
  });
});
