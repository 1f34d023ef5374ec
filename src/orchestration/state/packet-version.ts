import type { InstructionPacket, SessionState } from '../../contracts/index.ts';

/** A packet before the commit gives it a version. */
export type UnversionedPacket = Omit<InstructionPacket, 'instruction_version'>;

/** Gives a new packet the next version; state and packet agree afterwards. */
export function issuePacket(state: SessionState, packet: UnversionedPacket): { state: SessionState; packet: InstructionPacket } {
  const version = state.current_instruction_version + 1;
  return { state: { ...state, current_instruction_version: version }, packet: { ...packet, instruction_version: version } };
}
