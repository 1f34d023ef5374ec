import { openRegular } from '../../content/index.ts';
import type { ExpertPackage } from '../registry/load-package.ts';
import type { SessionFile } from './session-files.ts';
import { toolError, toolResult } from './tool-outcome.ts';
import type { ToolOutcome } from './tool-outcome.ts';

const MAX_DOCUMENT_BYTES = 16 * 1024;

/** The files as an expert sees them: names and facts, no paths. */
export function listFiles(files: readonly SessionFile[]): ToolOutcome {
  return toolResult({ files: files.map(({ name, bytes, kind, origin }) => ({ name, bytes, kind, origin })) });
}

/** A document of the package, at most 16 KB of it. */
export function readDocument(expert: ExpertPackage, wanted: { tool: 'read_knowledge' | 'read_skill'; name: string }): ToolOutcome {
  const isSkill = wanted.tool === 'read_skill';
  const texts = isSkill ? expert.skills : expert.knowledge;
  const text = texts.get(wanted.name) ?? texts.get(wanted.name.replace(/\.md$/i, '')) ?? texts.get(`${wanted.name}.md`);
  if (text === undefined) return toolError('not_found', `there is no such document; there are: ${[...texts.keys()].join(', ') || 'none'}`);
  const bytes = Buffer.from(text);
  const truncated = bytes.length > MAX_DOCUMENT_BYTES;
  return toolResult({ [isSkill ? 'handle' : 'name']: wanted.name, text: truncated ? decodePart(bytes.subarray(0, MAX_DOCUMENT_BYTES)) : text, truncated });
}

/** A part of a text file. The file is opened without following a link. */
export async function readTextFile(file: SessionFile, part: { offset: number; max_bytes: number }): Promise<ToolOutcome> {
  const handle = await openRegular(file.path);
  if (handle === null) return toolError('file_gone', 'the file is not there any more');
  try {
    const { size } = await handle.stat();
    const buffer = Buffer.alloc(Math.min(part.max_bytes, Math.max(0, size - part.offset)));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, part.offset);
    const bytes = buffer.subarray(0, bytesRead);
    if (bytes.includes(0)) return toolError('not_text', 'the file is not a text');
    return toolResult({ text: decodePart(bytes), total_bytes: size, truncated: part.offset + bytesRead < size }, [file.name]);
  } finally {
    await handle.close();
  }
}

/** UTF-8 without the halves of characters that the cut left at both ends. */
function decodePart(bytes: Buffer): string {
  let start = 0;
  while (start < bytes.length && start < 4 && ((bytes[start] ?? 0) & 0xc0) === 0x80) start += 1;
  const text = new TextDecoder('utf-8').decode(bytes.subarray(start), { stream: true });
  return text.replaceAll('\0', '');
}
