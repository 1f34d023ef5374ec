import type { TurnSnapshot } from '../../context/index.ts';
import type { UnversionedPacket } from '../../state/index.ts';

/** The snapshot with the packet that the turn is about to commit; null = the old one stays. */
export function withPacket(snapshot: TurnSnapshot, packet: UnversionedPacket | null): TurnSnapshot {
  if (packet === null) return snapshot;
  const { session } = snapshot;
  return { ...snapshot, session: { ...session, packet: { ...packet, instruction_version: session.packet.instruction_version + 1 } } };
}
