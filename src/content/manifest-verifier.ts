import { createHash } from 'node:crypto';
import type { BundleManifest } from './bundle-manifest.ts';
import { MANIFEST_FILE, corrupt, parseBundleManifest } from './bundle-manifest.ts';
import type { ContentDiagnostic } from './diagnostic.ts';
import { warn } from './diagnostic.ts';
import { isJunk, isManifestName } from './names.ts';
import { openRegular, readInside } from './safe-file.ts';
import type { FoundFile } from './walk-files.ts';
import { walkFiles } from './walk-files.ts';

/** What a bundle's manifest says, after every listed file was compared with it. Null = there is no manifest. */
export interface VerifiedManifest { manifest: BundleManifest | null; diagnostics: ContentDiagnostic[] }

/** Decides about a bundle's signature; throws to refuse. `manifest` is undefined for a bundle without manifest. */
export type SignatureCheck = (root: string, manifest: Uint8Array | undefined) => Promise<void>;

const MAX_MANIFEST_BYTES = 8 * 1024 * 1024;
const MAX_CACHED_ROOTS = 64;
const BOUNDS = { maxFiles: 30_000, maxDepth: 32 };
const CHUNK_BYTES = 1024 * 1024;
const MAX_NAMED_EXTRAS = 20;

/** Compares bundles with their manifests, in full once per path and content, again when the size or time of a file changes. */
export class ManifestVerifier {
  /** Oldest entry first; the oldest is dropped beyond the bound. */
  readonly #checked = new Map<string, { fingerprint: string; result: VerifiedManifest }>();
  readonly #checkSignature: SignatureCheck | undefined;
  /** Full checks made so far; for diagnostics. */
  fullChecks = 0;

  constructor(options: { checkSignature?: SignatureCheck | undefined } = {}) {
    this.#checkSignature = options.checkSignature;
  }

  /** Checks the bundle at a real root. Throws CONTENT_CORRUPT naming the file that is missing or differs. */
  async check(root: string, signal?: AbortSignal): Promise<VerifiedManifest> {
    const read = await readInside(root, MANIFEST_FILE, MAX_MANIFEST_BYTES);
    if (read.kind === 'refused') {
      if (read.problem !== 'missing') throw corrupt(`${MANIFEST_FILE} cannot be read`);
      await this.#checkSignature?.(root, undefined);
      return { manifest: null, diagnostics: [warn('manifest_missing', `there is no ${MANIFEST_FILE}`, { path: MANIFEST_FILE })] };
    }
    const tree = await walkFiles(root, BOUNDS);
    if (tree.isCut) throw corrupt('the bundle holds too many files');
    const fingerprint = fingerprintOf(read.bytes, tree.files);
    const known = this.#checked.get(root);
    this.#checked.delete(root);
    const result = known?.fingerprint === fingerprint ? known.result : await this.#fullCheck({ root, bytes: read.bytes, files: tree.files }, signal);
    this.#remember(root, { fingerprint, result });
    return result;
  }

  async #fullCheck(bundle: { root: string; bytes: Uint8Array; files: FoundFile[] }, signal?: AbortSignal): Promise<VerifiedManifest> {
    this.fullChecks += 1;
    const manifest = parseBundleManifest(bundle.bytes);
    await this.#checkSignature?.(bundle.root, bundle.bytes);
    const byPath = new Map(bundle.files.map((file) => [file.path, file]));
    const listed = manifest.files.filter((file) => !file.path.split('/').some(isJunk));
    for (const file of listed) {
      signal?.throwIfAborted();
      const found = byPath.get(file.path);
      if (found === undefined) throw corrupt(`${file.path} is missing`);
      if (found.kind !== 'file') throw corrupt(`${file.path} is not a regular file`);
      const isSame = found.size === file.size_bytes && (await hashFile(found.real, signal)) === file.sha256.toLowerCase();
      if (!isSame) throw corrupt(`${file.path} differs`);
      byPath.delete(file.path);
    }
    const extras = [...byPath.keys()].filter((path) => !isManifestName(path));
    return { manifest, diagnostics: extras.slice(0, MAX_NAMED_EXTRAS).map((path) => warn('file_unlisted', `${path} is not in the manifest`, { path })) };
  }

  #remember(root: string, entry: { fingerprint: string; result: VerifiedManifest }): void {
    this.#checked.set(root, entry);
    const [oldest] = this.#checked.keys();
    if (this.#checked.size > MAX_CACHED_ROOTS && oldest !== undefined) this.#checked.delete(oldest);
  }
}

/** SHA-256 of a regular file in hex, or null when it cannot be opened. */
export async function hashFile(real: string, signal?: AbortSignal): Promise<string | null> {
  const handle = await openRegular(real);
  if (handle === null) return null;
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.alloc(CHUNK_BYTES);
    for (;;) {
      signal?.throwIfAborted();
      const { bytesRead } = await handle.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

function fingerprintOf(manifest: Uint8Array, files: readonly FoundFile[]): string {
  const hash = createHash('sha256').update(manifest);
  for (const file of files) hash.update(`\n${file.path}\0${file.kind}\0${file.size}\0${file.changed}`);
  return hash.digest('hex');
}
