import type { InstructionPacket, SessionExt, SessionState } from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import { derivePacket } from './derive-packet.ts';
import { createStatuses, indexTasks } from './initial-state.ts';
import { issuePacket } from './packet-version.ts';
import { extOf, settleTasks, withExt } from './task-states.ts';

/** The state over another task list: statuses are kept by id, those of vanished ids set aside until they come back. */
export function repinTasks(state: SessionState, tasks: readonly Task[], pin: { pin: SessionExt['pin']; language: string }): SessionState {
  const known = { ...extOf(state).set_aside, ...state.subtask_status };
  const fresh = createStatuses(tasks);
  const statuses = Object.fromEntries(Object.entries(fresh).map(([id, entry]) => [id, Object.hasOwn(known, id) ? (known[id] ?? entry) : entry]));
  const aside = Object.fromEntries(Object.entries(known).filter(([id, entry]) => !Object.hasOwn(fresh, id) && isTouched(entry)));
  const pinned = withExt({ ...state, subtask_status: statuses }, { ...pin, tasks: indexTasks(tasks), set_aside: aside });
  return settleTasks(pinned, null);
}

/** Re-pins state and packet; a packet about a vanished task gives way to a derived one. */
export function repinSession(
  session: { state: SessionState; packet: InstructionPacket }, tasks: readonly Task[], pin: { pin: SessionExt['pin']; language: string },
): { state: SessionState; packet: InstructionPacket } {
  const state = repinTasks(session.state, tasks, pin);
  const about = session.packet.current_task_id ?? null;
  if (about === null || Object.hasOwn(state.subtask_status, about)) return { state, packet: session.packet };
  const task = tasks.find((candidate) => candidate.id === state.current_subtask_id) ?? null;
  return issuePacket(state, derivePacket(task, 'restore', pin.language));
}

function isTouched(entry: SessionState['subtask_status'][string]): boolean {
  return entry.status !== 'not_started' || entry.evidence.length > 0;
}
