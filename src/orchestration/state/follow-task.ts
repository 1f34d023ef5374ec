import type { SessionState } from '../../contracts/index.ts';
import type { Task } from '../../content/index.ts';
import { derivePacket } from './derive-packet.ts';
import type { UnversionedPacket } from './packet-version.ts';
import { isOpenTask, taskEntry, titleOf } from './task-states.ts';

/** What a packet is held against. `keepsWords`: its texts were written knowing that the task is over, or by a rule. */
export interface FollowFacts { state: SessionState; tasks: readonly Task[]; language: string; keepsWords: boolean }

/** True when the packet is about a tracked task that is completed or skipped. */
export function namesClosedTask(packet: Pick<UnversionedPacket, 'current_task_id'>, state: SessionState): boolean {
  const id = packet.current_task_id ?? null;
  return id !== null && taskEntry(state, id) !== null && !isOpenTask(state, id);
}

/**
 * A packet never stands for a task that is over. When evidence closed the task after the packet was written, it goes on with the task
 * that is current now: with its own words where they still hold, else as a derived packet. Every other packet stays as it is.
 */
export function followTask<T extends UnversionedPacket>(packet: T, { state, tasks, language, keepsWords }: FollowFacts): T | UnversionedPacket {
  if (!namesClosedTask(packet, state)) return packet;
  const id = state.current_subtask_id;
  if (keepsWords) return { ...packet, current_task_id: id, hint_level: 0 };
  const task = id === null ? null : tasks.find((candidate) => candidate.id === id) ?? { id, title: titleOf(state, id), body: '' };
  return derivePacket(task, 'completion', language);
}
