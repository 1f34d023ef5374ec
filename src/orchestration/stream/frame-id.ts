/** A place in a session's stream. Sequence 0 stands before the first frame of its generation. */
export interface FramePosition { generation: number; sequence: number }

/** Writes a position as the opaque id that clients echo. */
export function formatFrameId(position: FramePosition): string {
  return `${position.generation}.${position.sequence}`;
}

/** Reads an id that a client sent; null for anything that we did not mint. */
export function tryParseFrameId(text: string): FramePosition | null {
  const match = /^(\d{1,9})\.(\d{1,9})$/.exec(text);
  if (match === null) return null;
  return { generation: Number(match[1]), sequence: Number(match[2]) };
}

/** Negative when `left` stands before `right`. */
export function comparePositions(left: FramePosition, right: FramePosition): number {
  return left.generation - right.generation || left.sequence - right.sequence;
}
