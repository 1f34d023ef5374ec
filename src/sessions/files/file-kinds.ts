import { LIMITS, SidecarError } from '../../contracts/index.ts';

const TEXT = new Set([
  '.py', '.pyi', '.ipynb', '.txt', '.md', '.csv', '.tsv', '.json', '.jsonl', '.yaml', '.yml', '.toml', '.ini', '.cfg', '.xml', '.html',
  '.css', '.js', '.sql', '.log', '.rst', '.tex',
]);
const IMAGES = new Set(['.png', '.jpg', '.jpeg', '.gif', '.svg', '.webp', '.bmp']);
const UPLOADS = new Set(['.csv', '.tsv', '.xlsx', '.xls', '.json', '.jsonl', '.txt', '.parquet', '.png', '.jpg', '.jpeg']);
/** Raster images only: an SVG can hold script. */
const RASTER_TYPES: Readonly<Record<string, string>> = {
  '.png': 'image/png', '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.gif': 'image/gif', '.webp': 'image/webp', '.bmp': 'image/bmp',
};

/** The extension of a name in lower case with its dot; a name that is only an extension has none. */
export function extensionOf(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1);
  const dot = last.lastIndexOf('.');
  return dot > 0 ? last.slice(dot).toLowerCase() : '';
}

/** Largest size of a file that may be written under a name. Throws FILE_TYPE_NOT_ALLOWED. */
export function writableBytes(name: string): number {
  const extension = extensionOf(name);
  if (TEXT.has(extension)) return LIMITS.workspace_text_bytes;
  if (IMAGES.has(extension)) return LIMITS.workspace_image_bytes;
  throw typeNotAllowed(extension);
}

/** Refuses a name that an upload may not have. */
export function requireUploadType(name: string): void {
  if (!UPLOADS.has(extensionOf(name))) throw typeNotAllowed(extensionOf(name));
}

/** What a raw answer calls itself. */
export function rawContentType(name: string): string {
  return RASTER_TYPES[extensionOf(name)] ?? 'application/octet-stream';
}

function typeNotAllowed(extension: string): SidecarError {
  const options = extension === '' ? {} : { detail: extension.slice(0, 16) };
  return new SidecarError('FILE_TYPE_NOT_ALLOWED', 'this extension is not accepted', options);
}

/** The refusal of a file above its limit. */
export function tooLarge(limitBytes: number): SidecarError {
  const mebibytes = Math.round(limitBytes / 1024 / 1024);
  return new SidecarError('FILE_TOO_LARGE', `more than ${limitBytes} bytes`, {
    detail: { en: `at most ${mebibytes} MiB`, zh: `最多 ${mebibytes} MiB` },
  });
}
