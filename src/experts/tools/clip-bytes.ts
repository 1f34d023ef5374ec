/** A text of at most `limit` bytes; what is longer keeps its head and tail around a mark. No character is split. */
export function clipBytes(text: string, limit: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= limit) return text;
  const head = new TextDecoder('utf-8').decode(bytes.subarray(0, Math.floor(limit * 0.6)), { stream: true });
  let from = bytes.length - Math.floor(limit * 0.3);
  while (from < bytes.length && ((bytes[from] ?? 0) & 0xc0) === 0x80) from += 1;
  const tail = bytes.subarray(from).toString('utf8');
  return `${head}\n[… ${bytes.length - Buffer.byteLength(head) - Buffer.byteLength(tail)} bytes left out …]\n${tail}`;
}
