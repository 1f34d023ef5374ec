import { checkContent } from '../../content/index.ts';
import type { CheckFinding } from '../../content/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { UsageError, parseArguments } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

export const help = `Usage: sidecar content check DIR|tar.gz [--strict] [--json]

Tells everything that is wrong or worth knowing about courses, agents' texts, experts and templates.

  --strict   warnings count as problems
  --json     one JSON object on stdout

Exit codes: 0 clean, 1 problems found, 2 wrong usage.
`;

/** Checks a folder or archive of content. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArguments(args, { strict: { type: 'boolean' }, json: { type: 'boolean' } }, 1);
  const [path] = positionals;
  if (path === undefined) throw new UsageError('name a folder or an archive');
  const check = await checkContent(path).catch(refuseMissing);
  const hasProblems = check.errors > 0 || (values['strict'] === true && check.warnings > 0);
  if (values['json'] === true) {
    terminal.out(`${JSON.stringify({ ok: !hasProblems, ...check }, null, 2)}\n`);
  } else {
    for (const { chapter_id: id, layout, language, tasks } of check.chapters) {
      terminal.out(`chapter ${id}: ${tasks.length} tasks, ${tasks.filter(({ required }) => required).length} required (${layout}, ${language})\n`);
    }
    for (const finding of check.findings) terminal.out(`${describeFinding(finding)}\n`);
    terminal.out(`${check.errors} errors, ${check.warnings} warnings\n`);
  }
  return hasProblems ? EXIT.problems : EXIT.ok;
}

/** A path that does not exist is wrong usage; everything else is thrown on. */
export function refuseMissing(error: unknown): never {
  if (error instanceof SidecarError && error.code === 'FILE_NOT_FOUND') throw new UsageError('there is no such folder or archive');
  throw error;
}

/** One finding on one line. */
export function describeFinding({ subject, severity, code, message, path, line }: CheckFinding): string {
  const place = path === undefined ? '' : ` (${path}${line === undefined ? '' : `:${line}`})`;
  return `${severity} ${code} in ${subject}: ${message}${place}`;
}
