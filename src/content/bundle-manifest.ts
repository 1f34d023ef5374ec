import * as z from 'zod';
import { SidecarError } from '../contracts/index.ts';
import { twinKey } from './names.ts';

export const MANIFEST_FILE = 'bundle.manifest.json';

const FileSchema = z.object({ path: z.string().min(1).max(1024), sha256: z.string().regex(/^[0-9a-f]{64}$/i), size_bytes: z.int().nonnegative() });

/** The part of `bundle.manifest.json` that reading content needs; unknown keys are ignored. */
export const BundleManifestSchema = z.object({
  format_version: z.string().regex(/^bundle-v\d+$/),
  bundle_type: z.string(),
  scope_id: z.string(),
  version: z.string(),
  files: z.array(FileSchema).max(30_000),
  chapter: z.record(z.string(), z.unknown()).optional().catch(undefined),
});
export type BundleManifest = z.infer<typeof BundleManifestSchema>;

/** Reads a manifest; what is none is CONTENT_CORRUPT, because then nothing vouches for the files beside it. */
export function parseBundleManifest(bytes: Uint8Array): BundleManifest {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw corrupt(`${MANIFEST_FILE} is not JSON`, cause);
  }
  const parsed = BundleManifestSchema.safeParse(value);
  if (!parsed.success) throw corrupt(`${MANIFEST_FILE}: ${parsed.error.issues[0]?.path.join('.') ?? ''} is wrong`, parsed.error);
  const keys = new Set(parsed.data.files.map((file) => twinKey(file.path)));
  if (keys.size !== parsed.data.files.length) throw corrupt(`${MANIFEST_FILE} lists a name twice`);
  return parsed.data;
}

/** The refusal of content that differs from its manifest; `detail` names the file. */
export function corrupt(detail: string, cause?: unknown): SidecarError {
  return new SidecarError('CONTENT_CORRUPT', detail, { detail, cause });
}
