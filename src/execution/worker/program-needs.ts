/**
 * What a program can be served by. `bare`: only a worker without imports; `light`: best such a one; `loaded`: best one that has imported
 * what it is likely to need. A wrong guess costs time and nothing else.
 */
export type WorkerNeed = 'bare' | 'light' | 'loaded';

/** Modules of the standard library that are there at once or within a few milliseconds, and import nothing of anybody else. */
const LIGHT: ReadonlySet<string> = new Set(`
  __future__ abc argparse array ast atexit base64 binascii bisect builtins calendar cmath codecs collections colorsys contextlib contextvars copy
  csv dataclasses datetime decimal difflib enum errno fileinput fnmatch fractions functools gc getpass glob graphlib gzip hashlib heapq hmac html
  inspect io itertools json keyword linecache locale logging math mmap numbers operator os pathlib pickle platform posixpath pprint queue random re
  reprlib sched secrets select shlex shutil signal socket sqlite3 stat statistics string struct subprocess sys tempfile textwrap threading time
  timeit token tokenize traceback types typing unicodedata urllib uuid warnings weakref zlib zoneinfo
`.trim().split(/\s+/));

/** Ways to run or load code that the text does not show. */
const HIDDEN = /\b(?:__import__|__loader__|__builtins__|importlib|exec|eval|compile|runpy|pkgutil)\b/;
const IMPORT_LINE = /^\s*import\s+(.+)$/;
const FROM_LINE = /^\s*from\s+([A-Za-z_][\w.]*)\s+import\b/;
const NAME = /^\s*([A-Za-z_]\w*)[\w.]*(?:\s+as\s+\w+)?\s*$/;

/** Reads from the text alone which kind of worker suits a program; nothing is parsed or run, and what is not understood counts as heavy. */
export function needOf(code: string): 'light' | 'loaded' {
  if (HIDDEN.test(code)) return 'loaded';
  for (const line of code.split(/[\r\n;]/)) {
    if (!/\bimport\b/.test(line)) continue;
    const modules = modulesOf(line);
    if (modules === null || !modules.every((name) => LIGHT.has(name))) return 'loaded';
  }
  return 'light';
}

/** Top-level modules of an import line; null for a line that mentions importing in any other way. */
function modulesOf(line: string): string[] | null {
  const [, origin] = FROM_LINE.exec(line) ?? [];
  if (origin !== undefined) return [origin.split('.')[0] ?? origin];
  const [, list] = IMPORT_LINE.exec(line) ?? [];
  if (list === undefined) return null;
  const names = (list.split('#')[0] ?? '').split(',').map((part) => NAME.exec(part)?.[1]);
  return names.every((name) => name !== undefined) ? names : null;
}
