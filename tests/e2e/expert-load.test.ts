import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { processesIn } from '../support/execution-bench.ts';
import { integrateReply, planReply, companionReply, speakReply, structured, toolCall } from '../support/provider/index.ts';
import { openSse } from '../support/sse-client.ts';
import { CA, RMA, startTutor } from '../support/tutor.ts';
import type { Tutor } from '../support/tutor.ts';
import { dataOf, expectOrder } from '../support/turn-order.ts';

const SESSIONS = 10;
/** Two run at once, so the last one waits for four others; far above what that takes, far below a hang. */
const BOUND_MS = 90_000;
const CHAPTER = 'python_first_steps/ch2_comparing_groups';
const CALLS = [
  toolCall('list_files', {}),
  toolCall('run_python', { code: 'import pandas as pd\nmeans = pd.read_csv("inputs/own.csv").groupby("group")["score"].mean()\nmeans.to_csv("out/means.csv")\nprint(means.to_dict())' }),
  toolCall('finish', { output: { is_valid: true, validation_details: 'It ran.' } }),
];
let tutor: Tutor;
beforeAll(async () => { tutor = await startTutor({ env: { SIDECAR_PYTHON: process.env['SIDECAR_PYTHON'] ?? '' } }); });
afterAll(async () => { await tutor[Symbol.asyncDispose](); });

/** Every turn is unlocked and asks the expert; the expert goes on from what it has been answered. */
function scriptConsultations({ provider }: Tutor): void {
  const request = { expert_id: 'code_checker', expected_output_type: 'validation_report', question: 'Do the groups differ?', context: { file_name: 'own.csv' } };
  provider.always(CA, ({ text }) => (text.includes('The judgement is made.') ? speakReply() : companionReply({ judgement: { checkpoint: true } })));
  provider.always(RMA, (asked) =>
    structured(asked.text.includes('what was found, in two to five plain sentences') ? integrateReply() : planReply({ consultation_request: request }))(asked));
  provider.always('exp-model', ({ messages }) => CALLS[messages.filter(({ role }) => role === 'tool').length]!);
}

/** A session whose table gives means that no other session has. */
async function createWithTable(index: number): Promise<string> {
  const id = await tutor.sidecar.create({ chapter_id: CHAPTER });
  const folder = join(tutor.sessionsDir, id, 'working_files');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'own.csv'), `group,score\na,${index}\na,${index}\nb,${index + 100}\n`);
  return id;
}

async function consult(id: string) {
  await using stream = await openSse({
    url: `${tutor.sidecar.url}/api/session/${id}/message/stream`, body: { message: 'Is it right?' }, boundMs: BOUND_MS,
    headers: { authorization: `Bearer ${tutor.sidecar.token}` },
  });
  return dataOf(await stream.untilTerminal());
}

/** What the expert's programs printed, as the execution log has it. */
async function printedIn(id: string): Promise<string[]> {
  const path = `/api/session/${id}/executions`;
  const { executions } = (await tutor.sidecar.call('GET', `${path}?lane=expert`)).body;
  const details = (executions as { execution_id: string }[]).map(async ({ execution_id: execution }) => await tutor.sidecar.call('GET', `${path}/${execution}`));
  return (await Promise.all(details)).map(({ body }) => body.stdout.trim());
}

it('answers ten consultations at once, each from its own files, and leaves nothing behind', async () => {
  scriptConsultations(tutor);
  const ids: string[] = [];
  for (let index = 0; index < SESSIONS; index += 1) ids.push(await createWithTable(index));

  const turns = await Promise.all(ids.map(consult));

  for (const events of turns) expectOrder(events, 'expert');
  expect(await Promise.all(ids.map(printedIn))).toEqual(ids.map((_id, index) => [`{'a': ${index}.0, 'b': ${index + 100}.0}`]));
  const artifacts = ids.map(async (id) => await readdir(join(tutor.sessionsDir, id, 'expert_workspace', 'consultations', 'consult_0001', 'artifacts')));
  expect(await Promise.all(artifacts)).toEqual(ids.map(() => ['means.csv']));
  expect((await tutor.sidecar.call('GET', '/api/diagnostics')).body.children.by_lane.expert).toBe(0);
  const workspaces = join(tutor.sessionsDir, '.lanes', 'experts');
  expect(processesIn(workspaces)).toEqual([]);
  expect(await readdir(workspaces, { recursive: true })).toEqual([]);
  expect(tutor.provider.failures).toEqual([]);
}, 2 * BOUND_MS);
