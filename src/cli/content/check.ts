import { checkContent } from '../../content/index.ts';
import type { CheckFinding, CheckedChapter } from '../../content/index.ts';
import { contentInspectors } from '../../experts/index.ts';
import { SidecarError } from '../../contracts/index.ts';
import { UsageError, parseArguments } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

export const help = `Usage: sidecar content check DIR|tar.gz [--strict] [--json]

Tells everything that is wrong or worth knowing about courses, agents' texts, experts, consultation settings and templates, and where each
text of a chapter would come from: the chapter, this folder (bundle) or the program's own package.

  --strict   warnings count as problems
  --json     one JSON object on stdout

Exit codes: 0 clean, 1 problems found, 2 wrong usage.
`;

/** Checks a folder or archive of content. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { values, positionals } = parseArguments(args, { strict: { type: 'boolean' }, json: { type: 'boolean' } }, 1);
  const [path] = positionals;
  if (path === undefined) throw new UsageError('name a folder or an archive');
  const check = await checkContent(path, { inspectors: contentInspectors }).catch(refuseMissing);
  const hasProblems = check.errors > 0 || (values['strict'] === true && check.warnings > 0);
  if (values['json'] === true) {
    terminal.out(`${JSON.stringify({ ok: !hasProblems, ...check }, null, 2)}\n`);
  } else {
    terminal.out(check.chapters.map(describeChapter).join(''));
    const kinds = [['agents', check.agents], ['templates', check.templates], ['experts', check.experts]] as const;
    terminal.out(kinds.map(([kind, names]) => (names.length === 0 ? '' : `${kind} here: ${names.join(', ')}\n`)).join(''));
    for (const finding of check.findings) terminal.out(`${describeFinding(finding)}\n`);
    terminal.out(`${countOf(check.errors, 'error')}, ${countOf(check.warnings, 'warning')}\n`);
  }
  return hasProblems ? EXIT.problems : EXIT.ok;
}

/** Tasks of a chapter, and by source the texts that a session would use with this folder and the package. */
function describeChapter({ chapter_id: id, layout, language, tasks, texts }: CheckedChapter): string {
  const sources = [...new Set(Object.values(texts))];
  const lines = sources.map((source) => `  texts from ${source}: ${Object.keys(texts).filter((name) => texts[name] === source).join(', ')}\n`);
  return `chapter ${id}: ${tasks.length} tasks, ${tasks.filter(({ required }) => required).length} required (${layout}, ${language})\n${lines.join('')}`;
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

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
