import { encodeFrame } from '../../contracts/index.ts';
import type { TurnRow } from '../../store/index.ts';
import { formatFrameId } from '../stream/index.ts';
import type { EngineDeps } from './engine-deps.ts';

/** At start-up: a turn that was committed gets its `complete` frame; every other open turn leaves no trace but its row. */
export function recoverTurns(deps: EngineDeps): void {
  for (const turn of deps.store.turns.open()) {
    deps.store.transaction(() => {
      if (turn.phase === 'committed') completeTurn(turn, deps);
      else deps.store.turns.update(turn.turn_id, { end: 'interrupted', ended_at: deps.clock.now().toISOString() });
    });
    deps.log.info({ turnId: turn.turn_id, phase: turn.phase }, 'recovered an open turn');
  }
}

function completeTurn(turn: TurnRow, deps: EngineDeps): void {
  const row = deps.store.sessions.get(turn.session_id);
  const hasEnded = deps.store.frames.ofTurn(turn.turn_id).some((frame) => frame.terminal);
  if (row !== null && !hasEnded) {
    const sequence = deps.store.frames.lastSequence(row.session_id, row.generation) + 1;
    const id = formatFrameId({ generation: row.generation, sequence });
    const frame = encodeFrame(id, {
      type: 'complete', turn_index: turn.turn_index + 1, turn_id: turn.turn_id, report_ready: row.report_md !== '',
      end_suggested: row.state.end_suggested,
    });
    deps.store.frames.append([{ session_id: row.session_id, generation: row.generation, sequence, turn_id: turn.turn_id, frame, terminal: true }]);
  }
  deps.store.turns.update(turn.turn_id, { end: 'complete', ended_at: deps.clock.now().toISOString(), phase: 'complete' });
}
