import { isPortableName, twinKey } from '../../content/index.ts';
import { extensionOf } from './file-kinds.ts';
import { invalidPath } from './workspace-path.ts';

/** What no name may hold on some system: control characters, directional overrides and Windows' reserved marks. */
// oxlint-disable-next-line no-control-regex -- control characters are exactly what is meant
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069:*?"<>|]/g;

/** The last segment of a client's file name with forbidden characters replaced. Throws INVALID_PATH when no legal name is left. */
export function cleanUploadName(clientName: string): string {
  const last = clientName.slice(Math.max(clientName.lastIndexOf('/'), clientName.lastIndexOf('\\')) + 1);
  const name = last.toWellFormed().normalize('NFC').replace(FORBIDDEN, '_');
  if (!isPortableName(name)) throw invalidPath('no legal file name is left');
  return name;
}

/** The name, or the first of `name_2.csv`, `name_3.csv`, … that is free; takes it. Names that differ only by case are not free. */
export function takeFreeName(name: string, taken: Set<string>): string {
  const extension = name.slice(name.length - extensionOf(name).length);
  const stem = name.slice(0, name.length - extension.length);
  let candidate = name;
  for (let number = 2; taken.has(twinKey(candidate)); number += 1) candidate = `${stem}_${number}${extension}`;
  if (!isPortableName(candidate)) throw invalidPath('no free name is short enough');
  taken.add(twinKey(candidate));
  return candidate;
}
