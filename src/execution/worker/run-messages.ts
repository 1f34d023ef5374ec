import type { Language } from '../../contracts/index.ts';
import type { Hint, ProgramError, Reason } from './worker-contract.ts';

/** What a message can name. Numbers that are not known read as 0 and are left out by the texts that need none. */
export interface MessageFacts {
  error: ProgramError | null;
  returncode: number;
  signal: string | null;
  droppedCharacters: number;
  wallSeconds: number;
  cpuSeconds: number;
  memoryMb: number;
  diskMb: number;
  diskEntries: number;
  processes: number;
  detail: string;
}

type Wording = (facts: MessageFacts) => string;

const lastLine = ({ error }: MessageFacts): string => {
  if (error === null) return '';
  const line = error.message.trim().split('\n').at(-1) ?? '';
  return line === '' ? error.type : `${error.type}: ${line}`;
};
const at = ({ error }: MessageFacts, before: string, after: string): string =>
  error?.line == null ? '' : `${before}${error.line}${after}`;

/** One sentence for each reason. */
const MESSAGES: Record<Reason, Record<Language, Wording>> = {
  ok: { en: () => '', zh: () => '' },
  output_limit: {
    en: ({ droppedCharacters }) => `Output cut: ${droppedCharacters} characters not shown.`,
    zh: ({ droppedCharacters }) => `输出过长：有 ${droppedCharacters} 个字符没有显示。`,
  },
  error: { en: lastLine, zh: lastLine },
  syntax_error: {
    en: (facts) => `Line ${facts.error?.line ?? 1} is not valid Python: ${facts.error?.message ?? ''}`,
    zh: (facts) => `第 ${facts.error?.line ?? 1} 行不是合法的 Python：${facts.error?.message ?? ''}`,
  },
  exit: {
    en: ({ returncode }) => `The program ended itself with code ${returncode}.`,
    zh: ({ returncode }) => `程序以代码 ${returncode} 自行结束。`,
  },
  timeout: {
    en: (facts) => `Stopped after ${facts.wallSeconds} s${at(facts, ', at line ', '')}.`,
    zh: (facts) => `运行 ${facts.wallSeconds} 秒后被停止${at(facts, '，当时在第 ', ' 行')}。`,
  },
  cpu_limit: {
    en: ({ cpuSeconds }) => `Used more than ${cpuSeconds} s of processor time.`,
    zh: ({ cpuSeconds }) => `占用处理器的时间超过 ${cpuSeconds} 秒。`,
  },
  memory_limit: {
    en: ({ memoryMb }) => `Needed more than ${memoryMb} MB of memory.`,
    zh: ({ memoryMb }) => `需要的内存超过 ${memoryMb} MB。`,
  },
  disk_limit: {
    en: ({ diskMb, diskEntries }) => `Wrote more than ${diskMb} MB or ${diskEntries} files.`,
    zh: ({ diskMb, diskEntries }) => `写入超过 ${diskMb} MB 或 ${diskEntries} 个文件。`,
  },
  process_limit: {
    en: ({ processes }) => `Started more than ${processes} processes or threads.`,
    zh: ({ processes }) => `启动的进程或线程超过 ${processes} 个。`,
  },
  sandbox_denied: {
    en: () => 'Tried to leave its folder or use the network.',
    zh: () => '试图访问工作目录之外的文件或使用网络。',
  },
  cancelled: { en: () => 'Stopped on request.', zh: () => '已按要求停止。' },
  crashed: {
    en: ({ signal }) => `Python itself crashed (${signal ?? '?'}).`,
    zh: ({ signal }) => `Python 本身崩溃了（${signal ?? '?'}）。`,
  },
  killed: {
    en: ({ signal }) => `Something ended the program (${signal ?? '?'}).`,
    zh: ({ signal }) => `程序被外部结束（${signal ?? '?'}）。`,
  },
  worker_lost: { en: () => 'It could not run; please try again.', zh: () => '没能运行，请再试一次。' },
  guard_unavailable: {
    en: ({ detail }) => `The safe area could not be set up: ${detail}`,
    zh: ({ detail }) => `无法建立安全的运行环境：${detail}`,
  },
  python_unavailable: { en: ({ detail }) => `No Python was found: ${detail}`, zh: ({ detail }) => `没有找到 Python：${detail}` },
};

const HINT_TEXTS: Record<Hint, Record<Language, string>> = {
  no_input: {
    en: 'The program asked for input, but none was given.', zh: '程序要读取输入，但没有提供输入。',
  },
  shadowed_module: {
    en: 'A file of yours has the name of a Python module and hides it; rename the file.',
    zh: '你的文件与 Python 模块同名，遮住了该模块；请给文件改名。',
  },
  missing_package: { en: 'This package is not installed here.', zh: '这里没有安装这个包。' },
  network_off: { en: 'Programs have no network here.', zh: '程序在这里不能使用网络。' },
  outside_workspace: {
    en: 'Programs see the files of the workspace only; use names without a leading path.',
    zh: '程序只能看到工作目录中的文件；请直接使用文件名。',
  },
  figure_not_shown: { en: 'A figure was drawn but not shown; call plt.show().', zh: '图已绘制但没有显示；请调用 plt.show()。' },
  encoding: { en: 'The text has another encoding; try encoding="gb18030".', zh: '文本是另一种编码；可试试 encoding="gb18030"。' },
  memory: { en: 'Work on fewer rows, or in parts.', zh: '请减少数据行数，或分批处理。' },
  dev_stdout: { en: '/dev/stdout can not be opened here; use print or sys.stdout.', zh: '这里不能打开 /dev/stdout；请用 print 或 sys.stdout。' },
};

/** The sentence of a reason. */
export function messageFor(reason: Reason, facts: MessageFacts, language: Language): string {
  return MESSAGES[reason][language](facts);
}

/** The sentence of a hint. */
export function hintFor(hint: Hint, language: Language): string {
  return HINT_TEXTS[hint][language];
}

const WARNINGS = {
  memory_lowered: { en: (value: number) => `The memory limit was lowered to ${value} MB.`, zh: (value: number) => `内存上限已调低到 ${value} MB。` },
  figures_left_out: { en: (value: number) => `${value} figures were not kept.`, zh: (value: number) => `有 ${value} 张图没有保留。` },
  files_left_out: { en: (value: number) => `${value} more files were changed.`, zh: (value: number) => `另有 ${value} 个文件被改动。` },
  missing_glyphs: {
    en: (value: number) => `The font of the figures lacks some characters (${value}) and draws boxes in their place.`,
    zh: (value: number) => `图中使用的字体缺少 ${value} 个字符，它们显示为方框。`,
  },
} as const;

/** A sentence about something that was done differently than asked. */
export function warningFor(kind: keyof typeof WARNINGS, value: number, language: Language): string {
  return WARNINGS[kind][language](value);
}
