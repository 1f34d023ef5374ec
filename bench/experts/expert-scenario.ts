import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { companionReply, createProvider, integrateReply, memoReply, planReply, speakReply, structured, toolCall } from '../../tests/support/provider/index.ts';
import type { Part, Provider, ReceivedRequest } from '../../tests/support/provider/index.ts';

/** The table that experts work on, and its size. */
export const TABLE = 'measurements.csv';
const TABLE_BYTES = 5 * 1024 * 1024;

const REQUEST = {
  expert_id: 'code_checker', expected_output_type: 'validation_report', question: 'Do the groups differ?', context: { file_name: TABLE },
};
const PROGRAM = [
  'import pandas as pd', `table = pd.read_csv("inputs/${TABLE}")`, 'means = table.groupby("group")["score"].mean()',
  'means.to_csv("out/means.csv")', 'print(len(table), means.round(2).to_dict())',
].join('\n');
const CALLS = [
  toolCall('list_files', {}), toolCall('read_text', { file_name: TABLE, offset: 0, max_bytes: 512 }), toolCall('run_python', { code: PROGRAM }),
  toolCall('finish', { output: { is_valid: true, validation_details: 'The means were computed.' } }),
];

/** Tool calls before `finish`. */
export const TOOL_CALLS = CALLS.length - 1;

/** A provider that answers at once: every turn is unlocked, the planner asks the expert, and the expert calls its tools in order. */
export async function createExpertProvider(): Promise<Provider> {
  const provider = await createProvider();
  provider.always('ca-model', ({ text }: ReceivedRequest) =>
    (text.includes('The judgement is made.') ? speakReply({ prose: 'Here is what was found.' }) : companionReply({ judgement: { checkpoint: true }, prose: 'never shown' })));
  provider.always('rma-model', (request: ReceivedRequest) =>
    structured(request.text.includes('what was found, in two to five plain sentences') ? integrateReply() : planReply({ consultation_request: REQUEST }))(request));
  provider.always('exp-model', nextCall);
  provider.always('ma-model', structured(memoReply()));
  return provider;
}

function nextCall({ messages }: ReceivedRequest): Part {
  const done = messages.filter(({ role }) => role === 'tool').length;
  return CALLS[done] ?? CALLS.at(-1) as Part;
}

/** Puts the table among the uploads of a session. */
export async function addTable(sessionsDir: string, sessionId: string): Promise<void> {
  const folder = join(sessionsDir, sessionId, 'working_files');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(join(folder, TABLE), createTable());
}

function createTable(): string {
  const lines = ['group,score,note'];
  let bytes = 0;
  for (let row = 0; bytes < TABLE_BYTES; row += 1) {
    const line = `${'abcd'[row % 4]},${((row * 7919) % 10_000) / 100},observation ${row}`;
    bytes += line.length + 1;
    lines.push(line);
  }
  return `${lines.join('\n')}\n`;
}
