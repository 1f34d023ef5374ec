import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { mkdir, open, readdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isPortableName } from '../../content/index.ts';
import { CONSULTATION_ID_PATTERN, SESSION_ID_PATTERN, SidecarError, invariant } from '../../contracts/index.ts';
import { removeTree } from '../guard/index.ts';
import { mimeOf, walkFolder } from '../worker/index.ts';
import type { ExpertArtifact, ExpertInput, ExpertWorkspace, ExpertWorkspaceRequest } from './expert-runner-contract.ts';

const MAX_INPUTS = 10;
const MAX_INPUT_BYTES = 20 * 1024 * 1024;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_OUTPUT_FILES = 32;
/** Every input has this time, so that the same files give the same answers. */
const FIXED_TIME = new Date('2020-01-01T00:00:00Z');

/** Makes the workspace of a consultation anew. Its path is made from the ids alone, in one folder, so that nothing is left when it goes. */
export async function openExpertWorkspace(workDir: string, request: ExpertWorkspaceRequest): Promise<ExpertWorkspace> {
  const { sessionId, consultationId } = request;
  invariant(SESSION_ID_PATTERN.test(sessionId) && CONSULTATION_ID_PATTERN.test(consultationId), 'ids of a consultation are well-formed');
  checkInputs(request.inputs);
  const folder = join(workDir, `${sessionId}.${consultationId}`);
  await removeTree(folder);
  await mkdir(join(folder, 'inputs'), { recursive: true, mode: 0o700 });
  await mkdir(join(folder, 'out'), { mode: 0o700 });
  await writeInputs(folder, request.inputs);
  return {
    sessionId, consultationId, folder,
    artifacts: async () => await readOutputs(folder, null),
    keepArtifacts: async (target) => await readOutputs(folder, target),
    [Symbol.asyncDispose]: async () => { await removeTree(folder); },
  };
}

function checkInputs(inputs: readonly ExpertInput[]): void {
  const bytes = inputs.reduce((sum, input) => sum + input.bytes.length, 0);
  if (inputs.length > MAX_INPUTS) throw new SidecarError('TOO_MANY_FILES', 'too many inputs of a consultation');
  if (bytes > MAX_INPUT_BYTES) throw new SidecarError('FILE_TOO_LARGE', 'the inputs of a consultation are too large');
  const names = new Set(inputs.map(({ name }) => name.toLowerCase()));
  if (names.size !== inputs.length || !inputs.every(({ name }) => name.split('/').every(isPortableName))) {
    throw new SidecarError('INVALID_PATH', 'a name of an input');
  }
}

/** Read-only copies in a fixed order with fixed times. */
async function writeInputs(folder: string, inputs: readonly ExpertInput[]): Promise<void> {
  const sorted = inputs.toSorted((left, right) => (left.name < right.name ? -1 : Number(left.name > right.name)));
  for (const { name, bytes } of sorted) {
    const path = join(folder, 'inputs', ...name.split('/'));
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, bytes, { mode: 0o400, flag: 'wx' });
    await utimes(path, FIXED_TIME, FIXED_TIME);
  }
}

async function readOutputs(folder: string, target: string | null): Promise<ExpertArtifact[]> {
  const found = [...(await walkFolder(folder, { below: ['out'], skip: ['.home'] })).values()].filter(({ name }) => name.split('/').every(isPortableName));
  found.sort((left, right) => (left.name < right.name ? -1 : Number(left.name > right.name)));
  const kept: ExpertArtifact[] = [];
  let left = MAX_OUTPUT_BYTES;
  for (const { name, size } of found.slice(0, MAX_OUTPUT_FILES)) {
    const bytes = size <= left ? await readRegular(join(folder, 'out', name)) : null;
    if (bytes === null || bytes.length > left) continue;
    left -= bytes.length;
    if (target !== null) await keep(join(target, ...name.split('/')), bytes);
    kept.push({ path: name, size_bytes: bytes.length, mime: mimeOf(name), sha256: createHash('sha256').update(bytes).digest('hex') });
  }
  return kept;
}

async function keep(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFile(path, bytes, { mode: 0o600 });
}

/** Reads a file without following a last link or waiting for a pipe. The calls of a consultation are over when this runs. */
async function readRegular(path: string): Promise<Buffer | null> {
  try {
    await using handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
    return (await handle.stat()).isFile() ? await handle.readFile() : null;
  } catch {
    return null; // Not a file that can be opened: no artefact.
  }
}

/** Removes what consultations of an earlier process left. */
export async function sweepWorkspaces(workDir: string): Promise<void> {
  for (const name of await readdir(workDir).catch(() => [])) await removeTree(join(workDir, name));
}
