import type { Task } from '../../content/index.ts';

const BULLET = /^\s*(?:[-*+]|\d{1,3}[.)])\s+(.*\S)\s*$/;
const ID_LINE = /^\s*(?:[-*+]\s+)?(?:\*\*|__)\s*(?:task\s*id|任务\s*id|type|类型)/i;
const FENCE = /^\s*(?:```|~~~)/;
const MAX_BULLETS = 12;

/** The list items of a task's section, in order: what to reach first, then hints that grow. The item that names the task is left out. */
export function taskBullets(task: Pick<Task, 'id' | 'body'>): string[] {
  const bullets: string[] = [];
  let inFence = false;
  for (const line of task.body.split('\n')) {
    if (FENCE.test(line)) inFence = !inFence;
    if (inFence || ID_LINE.test(line)) continue;
    const text = BULLET.exec(line)?.[1];
    if (text === undefined || namesTask(text, task.id)) continue;
    bullets.push(text);
  }
  return bullets.slice(0, MAX_BULLETS);
}

function namesTask(text: string, id: string): boolean {
  return new RegExp(`^(?:\\*\\*|__)\\s*\`?${id.replaceAll('-', '\\-')}\`?\\s*[:：]?`).test(text);
}
