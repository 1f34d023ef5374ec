import { listTasks } from '../../content/index.ts';
import type { ChapterTasks } from '../../content/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { UsageError, parseArguments, textOf } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { describeFinding, refuseMissing } from './check.ts';

export const help = `Usage: sidecar content tasks DIR|tar.gz [--chapter ID] [--json]

Prints the tasks that the program finds in each chapter, in their order.

  --chapter ID   one chapter only: chapter or course/chapter
  --json         one JSON object on stdout

Exit codes: 0 clean, 1 problems found, 2 wrong usage.
`;

/** Prints the parsed tasks of a folder or archive. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArguments(args, { chapter: { type: 'string' }, json: { type: 'boolean' } }, 1);
  const [path] = positionals;
  if (path === undefined) throw new UsageError('name a folder or an archive');
  const chapterId = textOf(values['chapter']);
  const chapters = await listTasks(path, chapterId === undefined ? {} : { chapterId }).catch(refuseUnknown);
  if (chapters === null) {
    terminal.err('sidecar content tasks: this is neither a folder nor a whole archive; content check tells more\n');
    return EXIT.problems;
  }
  if (values['json'] === true) terminal.out(`${JSON.stringify({ chapters }, null, 2)}\n`);
  else for (const { chapter_id: id, tasks, findings } of chapters) terminal.out(describeChapter(id, tasks, findings));
  return chapters.some(({ findings }) => findings.some(({ severity }) => severity === 'error')) ? EXIT.problems : EXIT.ok;
}

function describeChapter(id: string, tasks: ChapterTasks['tasks'], findings: ChapterTasks['findings']): string {
  const lines = tasks.map((task) => `  ${task.id.padEnd(32)} ${task.kind.padEnd(12)} ${task.required ? 'required' : '        '} ${task.title}`);
  const problems = findings.map((finding) => `  ${describeFinding({ subject: id, ...finding })}`);
  return [`${id}: ${tasks.length} tasks`, ...lines, ...problems, ''].join('\n');
}

/** Null for an archive that cannot be read. */
function refuseUnknown(error: unknown): null {
  if (error instanceof SidecarError && error.code === 'CONTENT_CORRUPT') return null;
  if (error instanceof SidecarError && ['CHAPTER_NOT_FOUND', 'CHAPTER_ID_INVALID'].includes(error.code)) {
    throw new UsageError('there is no such chapter');
  }
  return refuseMissing(error);
}
