import type { TaskKind } from '../contracts/index.ts';

/** One entry of a chapter's task list. `order` counts from 0; `source_line` (from 1) is the line where `body` begins. */
export interface Task {
  id: string;
  title: string;
  kind: TaskKind;
  required: boolean;
  order: number;
  body: string;
  source_line: number;
}

/** Tracked tasks have a status; scaffolding only supports them. */
export function isTracked(task: Pick<Task, 'kind'>): boolean {
  return task.kind !== 'scaffolding';
}
