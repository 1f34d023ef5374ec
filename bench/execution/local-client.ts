import { Agent, request } from 'node:http';

/** The fields that are read here; nothing is said about the others. */
export interface AnswerBody {
  success?: boolean; stdout?: string; start?: string | null; reason?: string; job_id?: string; execution_id?: string; steps?: { step: string; at_ms: number }[];
}
export interface Answer { status: number; body: AnswerBody; ms: number }

/** One client with kept connections, as the app has them; times run from the call to the last byte. */
export function createClient(server: { url: string; token: string }): { call(method: string, path: string, body?: unknown): Promise<Answer>; close(): void } {
  const agent = new Agent({ keepAlive: true });
  const call = (method: string, path: string, body?: unknown): Promise<Answer> => new Promise((resolve, reject) => {
    const text = body === undefined ? null : Buffer.from(JSON.stringify(body));
    const started = performance.now();
    const sent = request(server.url + path, {
      agent, method,
      headers: { authorization: `Bearer ${server.token}`, ...(text === null ? {} : { 'content-type': 'application/json', 'content-length': text.length }) },
    }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => {
        const ms = performance.now() - started;
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(parts).toString('utf8') || '{}') as AnswerBody, ms });
      });
    });
    // A kept connection that the server closed in the same moment: the request never arrived.
    sent.on('error', (error) => (sent.reusedSocket && 'code' in error && error.code === 'ECONNRESET' ? resolve(call(method, path, body)) : reject(error)));
    sent.end(text ?? undefined);
  });
  return { call, close: () => agent.destroy() };
}
