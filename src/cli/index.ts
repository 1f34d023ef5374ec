import { homedir } from 'node:os';
import type { CommandModule } from './command.ts';
import { UsageError } from './command.ts';
import { EXIT } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export { loadFrugally } from './engine-pace.ts';

interface CommandEntry { words: readonly string[]; summary: string; load(): Promise<CommandModule> }

/** Modules are loaded when they are called, so that help is instant. */
const COMMANDS: readonly CommandEntry[] = [
  { words: ['serve'], summary: 'run the server until it is told to stop', load: () => import('./serve/serve.ts') },
  { words: ['demo'], summary: 'run the server with the sample course and show how to use it', load: () => import('./demo/demo.ts') },
  { words: ['chat'], summary: 'talk to the tutor in this terminal', load: () => import('./chat/chat.ts') },
  { words: ['doctor'], summary: 'check this machine and say what to do', load: () => import('./doctor/doctor.ts') },
  { words: ['contract'], summary: 'print the HTTP contract', load: () => import('./contract.ts') },
  { words: ['content', 'check'], summary: 'check a folder of courses, agents or experts', load: () => import('./content/check.ts') },
  {
    words: ['content', 'import-rules'], summary: 'turn sentence rules of a chapter into typed ones',
    load: () => import('./content/import-rules.ts'),
  },
  { words: ['content', 'tasks'], summary: 'print the tasks of chapters', load: () => import('./content/tasks.ts') },
];

const COMMAND_WIDTH = Math.max(...COMMANDS.map(({ words }) => words.join(' ').length));
const listCommands = (entries: readonly CommandEntry[]): string[] =>
  entries.map(({ words, summary }) => `  ${words.join(' ').padEnd(COMMAND_WIDTH)}  ${summary}`);

const HELP = ['Usage: sidecar <command> [options]', '', 'Commands:', ...listCommands(COMMANDS), '',
  '  sidecar <command> --help   tells its options', '  sidecar --version', ''].join('\n');

/** Runs the command that the arguments name; resolves with the exit code. */
export async function runCommandLine(args: readonly string[]): Promise<number> {
  const terminal = await createTerminal();
  const [first] = args;
  if (first === undefined || first === '--help' || first === '-h' || first === 'help') {
    terminal.out(HELP);
    return first === undefined ? EXIT.usage : EXIT.ok;
  }
  if (first === '--version') return await printVersion(terminal);
  const entry = COMMANDS.find(({ words }) => words.every((word, index) => args[index] === word));
  if (entry === undefined) {
    const group = COMMANDS.filter(({ words }) => words.length > 1 && words[0] === first);
    if (group.length > 0) return tellGroup(group, args[1], terminal);
    terminal.err(`sidecar: unknown command ${JSON.stringify(args.slice(0, 2).join(' '))}\n\n${HELP}`);
    return EXIT.usage;
  }
  return await runCommand(entry, args.slice(entry.words.length), terminal);
}

/** A word that only begins commands: which ones there are. Asking for help is no mistake. */
function tellGroup(group: readonly CommandEntry[], second: string | undefined, terminal: Terminal): number {
  const [name = ''] = group[0]?.words ?? [];
  const list = [`Usage: sidecar ${name} <command> [options]`, '', 'Commands:', ...listCommands(group), ''].join('\n');
  if (second === '--help' || second === '-h' || second === 'help') {
    terminal.out(list);
    return EXIT.ok;
  }
  terminal.err(`sidecar: ${second === undefined ? `${name} needs a command` : `unknown command ${JSON.stringify(`${name} ${second}`)}`}\n\n${list}`);
  return EXIT.usage;
}

async function runCommand(entry: CommandEntry, args: readonly string[], terminal: Terminal): Promise<number> {
  const command = await entry.load();
  if (args.includes('--help') || args.includes('-h')) {
    terminal.out(command.help);
    return EXIT.ok;
  }
  try {
    return await command.run(args, terminal);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    terminal.err(`sidecar ${entry.words.join(' ')}: ${error.message}\n  --help tells the options\n`);
    return EXIT.usage;
  }
}

async function createTerminal(): Promise<Terminal> {
  const { takeSecrets } = await import('../config/index.ts');
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isErrTerminal: process.stderr.isTTY === true,
    stdin: process.stdin,
    env: takeSecrets(process.env),
    platform: process.platform,
    home: homedir(),
  };
}

async function printVersion(terminal: Terminal): Promise<number> {
  const { findProgramFolder } = await import('../config/index.ts');
  const { programVersion } = await import('./program-version.ts');
  terminal.out(`${programVersion(findProgramFolder())}\n`);
  return EXIT.ok;
}
