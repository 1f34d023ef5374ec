import { createIds, silentLog, systemClock } from '../../src/config/index.ts';
import { openStore } from '../../src/store/index.ts';
import { companionReply, createProvider, memoReply } from '../../tests/support/provider/index.ts';
import type { Provider } from '../../tests/support/provider/index.ts';
import { startSidecar } from '../../tests/support/sidecar-process.ts';
import type { SidecarProcess } from '../../tests/support/sidecar-process.ts';

/** A provider that answers at once, whoever asks. */
export async function createQuickProvider(): Promise<Provider> {
  const provider = await createProvider();
  provider.always('ca-model', companionReply({ prose: 'What do you see in the first row?' }));
  provider.always('ma-model', memoReply());
  return provider;
}

/** Settings that send every agent to the provider; ten attempts before the planner, so that turns stay locked. */
export function providerEnvironment(provider: Provider): Record<string, string> {
  return {
    LLM_PROVIDER: 'custom', LLM_BASE_URL: provider.url, LLM_API_KEY: 'bench-key-0123456789', LLM_MODEL: 'other-model',
    LLM_MODEL_CA: 'ca-model', LLM_MODEL_RMA: 'rma-model', LLM_MODEL_MA: 'ma-model', MAX_ATTEMPTS_BEFORE_UNLOCK: '10', TURN_MEMO_WAIT_MS: '0',
  };
}

/** Creates one session over HTTP, then copies its row; ids are `bench-0`, `bench-1`, …. The route limits creation on purpose. */
export async function seedSessions(sessionsDir: string, count: number, create: Record<string, unknown> = {}): Promise<string[]> {
  const sidecar = await startSidecar({ sessionsDir, env: { MAX_ATTEMPTS_BEFORE_UNLOCK: '10' } });
  const first = await sidecar.create(create);
  await sidecar.kill('SIGTERM');
  const store = await openStore({ dir: sessionsDir, clock: systemClock, log: silentLog });
  const row = store.sessions.get(first);
  if (row === null) throw new Error('the first session is gone');
  const ids = Array.from({ length: count }, (_, index) => `bench-${index}`);
  store.transaction(() => {
    for (const id of ids) store.sessions.insert({ ...row, session_id: id, state: { ...row.state, session_id: id } });
  });
  store.close();
  return ids;
}

/** Milliseconds that a request takes, from the call to the last byte. */
export async function timeCall(sidecar: SidecarProcess, method: string, path: string): Promise<number> {
  const started = performance.now();
  const { status } = await sidecar.call(method, path);
  if (status !== 200) throw new Error(`${path} answered ${status}`);
  return performance.now() - started;
}

export const newId = (): string => createIds(systemClock).uuid();
