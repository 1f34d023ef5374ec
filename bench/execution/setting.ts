import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import type { SidecarProcess } from '../../tests/support/sidecar-process.ts';
import { createClient } from './local-client.ts';
import type { Answer } from './local-client.ts';

const root = join(import.meta.dirname, '..', '..');
const given = process.env['SIDECAR_PYTHON'];

/** The interpreter of all lanes and of the peers. */
export const PYTHON = given ?? join(root, '.runtime', 'bin', 'python');

/** Samples of a warm series; `SIDECAR_BENCH_SAMPLES` shortens a trial. */
export const SAMPLES = Number(process.env['SIDECAR_BENCH_SAMPLES'] ?? 200);
export const COLD_SAMPLES = Math.min(25, SAMPLES);

export const PROGRAMS = {
  print: 'print(1)',
  pandas: "import pandas as pd\nprint(pd.DataFrame({'a': range(100), 'b': [i * i for i in range(100)]}).describe())",
} as const;
export type ProgramName = keyof typeof PROGRAMS;

export interface Bench extends AsyncDisposable {
  sidecar: SidecarProcess;
  call: ReturnType<typeof createClient>['call'];
  /** Asks for a run and throws unless it ended well. */
  run(sessionId: string, code: string, more?: object): Promise<Answer>;
  /** Ends the watch over /health and gives its times. */
  health(): Promise<number[]>;
}

/** The built program with a client, and /health asked all the while. */
export async function openBench(env: Record<string, string> = {}): Promise<Bench> {
  if (!existsSync(PYTHON)) throw new Error('no Python: run npm start once, or set SIDECAR_PYTHON');
  const sidecar = await startSidecar({ env: { ...env, ...(given === undefined ? {} : { SIDECAR_PYTHON: given }) } });
  const client = createClient(sidecar);
  const watch = spawn(process.execPath, [join(import.meta.dirname, 'health-watch.ts'), sidecar.url, sidecar.token], { stdio: ['pipe', 'pipe', 'inherit'] });
  let printed = '';
  watch.stdout.on('data', (chunk: Buffer) => { printed += chunk.toString(); });
  const run: Bench['run'] = async (sessionId, code, more = {}) => {
    const answer = await client.call('POST', `/api/session/${sessionId}/code/run`, { code, ...more });
    if (answer.status !== 200 || answer.body.success !== true) throw new Error(`a run ended badly: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const endWatch = async (): Promise<number[]> => {
    if (watch.exitCode === null) {
      watch.stdin.end();
      await once(watch, 'close');
    }
    return printed === '' ? [] : JSON.parse(printed) as number[];
  };
  return {
    sidecar, call: client.call, run, health: endWatch,
    [Symbol.asyncDispose]: async () => {
      await endWatch();
      client.close();
      await sidecar.kill('SIGTERM');
      await sidecar[Symbol.asyncDispose]();
    },
  };
}
