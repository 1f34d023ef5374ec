import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { LIMITS, SidecarError } from '../../contracts/index.ts';
import type { Sessions } from '../../sessions/index.ts';
import type { ContentsPath } from './contents.ts';

const CHECKPOINT_ID = 'checkpoint';

export interface CheckpointModel { id: string; last_modified: string }

/** One checkpoint per file, kept in the session's folder outside the workspace. */
export function createCheckpoints(sessions: Sessions) {
  const placeOf = ({ sessionId, name }: ContentsPath): { folder: string; file: string } => {
    const folder = join(sessions.pathsOf(sessionId).folder, 'checkpoints');
    return { folder, file: join(folder, createHash('sha256').update(name).digest('hex')) };
  };
  const modelOf = async (path: ContentsPath): Promise<CheckpointModel | null> => {
    const stats = await stat(placeOf(path).file).catch(() => null); // No checkpoint yet.
    return stats === null ? null : { id: CHECKPOINT_ID, last_modified: stats.mtime.toISOString() };
  };
  return {
    list: async (path: ContentsPath): Promise<CheckpointModel[]> => {
      const model = await modelOf(path);
      return model === null ? [] : [model];
    },
    create: async (path: ContentsPath): Promise<CheckpointModel> => {
      const { bytes } = await sessions.files.readRaw(path.sessionId, path.name);
      const { folder, file } = placeOf(path);
      await mkdir(folder, { recursive: true, mode: 0o700 });
      await writeFile(`${file}.new`, bytes, { mode: 0o600 });
      await rename(`${file}.new`, file);
      return { id: CHECKPOINT_ID, last_modified: (await stat(file)).mtime.toISOString() };
    },
    restore: async (path: ContentsPath, id: string): Promise<void> => {
      const bytes = id === CHECKPOINT_ID ? await readFile(placeOf(path).file).catch(() => null) : null;
      if (bytes === null) throw new SidecarError('FILE_NOT_FOUND', 'no such checkpoint');
      await sessions.files.writeBytes(path.sessionId, path.name, { bytes, ifMatch: null, maxBytes: LIMITS.notebook_put_bytes });
    },
    remove: async (path: ContentsPath): Promise<void> => {
      await rm(placeOf(path).file, { force: true });
    },
  };
}

export type Checkpoints = ReturnType<typeof createCheckpoints>;
