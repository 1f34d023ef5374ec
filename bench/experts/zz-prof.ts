import { createExpertProvider, addTable } from '/work/main/bench/experts/expert-scenario.ts';
import { seedSessions, providerEnvironment } from '/work/main/bench/main-job/bench-sessions.ts';
import { startSidecar } from '/work/main/tests/support/sidecar-process.ts';
import { createTemporaryFolder } from '/work/main/tests/support/temporary-folder.ts';
import { monitorEventLoopDelay } from 'node:perf_hooks';
const provider = await createExpertProvider();
const folder = await createTemporaryFolder('prof');
const ids = await seedSessions(folder.path, 4, { chapter_id: 'python_first_steps/ch2_comparing_groups' });
for (const id of ids) await addTable(folder.path, id);
const sidecar = await startSidecar({ sessionsDir: folder.path, env: { ...providerEnvironment(provider), LLM_MODEL_EXP: 'exp-model', NODE_OPTIONS: '--require /tmp/spy.cjs' } });
await sidecar.call('GET', '/api/capabilities');
const stall = async () => (await sidecar.call('GET', '/api/diagnostics')).body.event_loop_delay_ms;
console.log('after probe', await stall());
for (let i = 0; i < 5; i++) {
  for (const id of ids) await sidecar.turn(id, 'Is it right?');
  console.log('round', i, await stall());
}
await Promise.all(ids.map((id) => sidecar.turn(id, 'x'))); console.log('together', await stall());
await sidecar.kill('SIGTERM');
await folder[Symbol.asyncDispose]();
process.exit(0);
