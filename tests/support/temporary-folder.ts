import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that is removed with everything in it when it is disposed. */
export interface TemporaryFolder extends AsyncDisposable {
  /** Absolute, with links resolved. */
  readonly path: string;
  /** A path inside the folder. */
  join(...names: readonly string[]): string;
}

/** Creates an empty folder below the system's temporary folder. */
export async function createTemporaryFolder(name = 'sidecar-test'): Promise<TemporaryFolder> {
  // macOS hands out a link here; programs under test report the resolved path.
  const path = await realpath(await mkdtemp(join(tmpdir(), `${name}-`)));
  return {
    path,
    join: (...names) => join(path, ...names),
    // Windows keeps files of a process that just ended locked for a moment.
    [Symbol.asyncDispose]: async () => await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }),
  };
}
