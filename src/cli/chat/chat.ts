import type { SidecarClient } from '../../client/index.ts';
import { SidecarApiError } from '../../client/index.ts';
import { SupervisorError } from '../../supervisor/index.ts';
import { parseArguments, textOf } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';
import { connect } from './connect.ts';
import { COMMANDS_HELP, Conversation } from './conversation.ts';
import { LineInput } from './line-input.ts';

export const help = `Usage: sidecar chat [--url URL] [--token TOKEN] [--chapter ID] [--session ID]

Talks to the tutor. Without --url a sidecar is started for the conversation. Lines may also come from a pipe.

  --url URL        a running sidecar
  --token TOKEN    its token; better in SIDECAR_TOKEN, because arguments can be seen by others
  --chapter ID     chapter or course/chapter; asked for when there are several
  --session ID     goes on with a session, or makes it under this id

In the conversation:
${COMMANDS_HELP}`;

const GREETING = '[系统：学习者打开了本章，请问候并介绍]';

/** Runs a conversation in the terminal. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const text = { type: 'string' as const };
  const { values } = parseArguments(args, { url: text, token: text, chapter: text, session: text });
  try {
    await using connection = await connect({ url: textOf(values['url']), token: textOf(values['token']) ?? terminal.env['SIDECAR_TOKEN'] }, terminal);
    await converse(connection.client, { chapter: textOf(values['chapter']), session: textOf(values['session']) }, terminal);
    return EXIT.ok;
  } catch (error) {
    const sentence = explain(error);
    if (sentence === null) throw error;
    terminal.err(`sidecar chat: ${sentence}\n`);
    return EXIT.problems;
  }
}

/** What a person is told of a failure, null for a defect. */
function explain(error: unknown): string | null {
  if (error instanceof SidecarApiError) return `${error.detail} (${error.code})`;
  if (!(error instanceof SupervisorError)) return null;
  const { code, message, stderr } = error.problem;
  if (code === 'STORE_LOCKED') {
    return `a sidecar runs already and has the sessions (${message})\n  to talk to it, use the line "chat --url …" that \`npm start\` printed`;
  }
  return `the sidecar did not start: ${message} (${code})${code === 'CONFIG_INVALID' ? '' : `\n${stderr}`}`;
}

interface Wanted { chapter: string | undefined; session: string | undefined }

async function converse(client: SidecarClient, wanted: Wanted, terminal: Terminal): Promise<void> {
  // Set when the session is known; before that there is nothing to cancel.
  const current: { conversation: Conversation | null } = { conversation: null };
  const interrupt = (): void => {
    if (current.conversation?.isAnswering === true) void current.conversation.cancel();
    else input.close();
  };
  const input = new LineInput(terminal.stdin, {
    onLine: (line) => {
      if (line.trim() !== '/cancel' || current.conversation?.isAnswering !== true) return false;
      void current.conversation.cancel();
      return true;
    },
    onInterrupt: interrupt,
  });
  process.on('SIGINT', interrupt);
  try {
    const opened = await openSession(client, wanted, { input, terminal });
    const conversation = new Conversation({ client, sessionId: opened.sessionId, terminal });
    current.conversation = conversation;
    terminal.err(`[session ${opened.sessionId}; /help lists the commands]\n\n`);
    if (opened.isNew) await conversation.say(GREETING);
    for (let line = await input.next(); line !== null; line = await input.next()) {
      if (!(await conversation.handle(line))) break;
    }
  } finally {
    process.off('SIGINT', interrupt);
    input.close();
  }
}

async function openSession(
  client: SidecarClient, wanted: Wanted, ask: { input: LineInput; terminal: Terminal },
): Promise<{ sessionId: string; isNew: boolean }> {
  const known = (await client.listSessions()).find(({ session_id: id }) => id === wanted.session);
  if (known !== undefined) {
    await client.reattach(known.session_id);
    return { sessionId: known.session_id, isNew: known.turn_index === 0 };
  }
  const chapter = wanted.chapter ?? await pickChapter(client, ask);
  try {
    const { session_id: sessionId } = await client.createSession({ chapter_id: chapter, session_id: wanted.session });
    return { sessionId, isNew: true };
  } catch (error) {
    if (error instanceof SidecarApiError && error.code === 'CHAPTER_NOT_FOUND') throw await unknownChapter(client, { error, chapter });
    throw error;
  }
}

/** The places that were searched help authors; a learner wants to know which chapters there are. */
async function unknownChapter(client: SidecarClient, { error, chapter }: { error: SidecarApiError; chapter: string | undefined }): Promise<SidecarApiError> {
  const known = (await client.chapters()).map(({ chapter_id: id, title }) => `\n  ${id}   ${title}`);
  const rest = known.length === 0 ? '; this sidecar has no chapters' : `; there are:${known.join('')}\n `;
  return new SidecarApiError(error.status, error.code, { detail: `there is no chapter ${JSON.stringify(chapter ?? '')}${rest}`, cause: error });
}

/** A person is asked; a pipe gets the first chapter. */
async function pickChapter(client: SidecarClient, { input, terminal }: { input: LineInput; terminal: Terminal }): Promise<string | undefined> {
  const chapters = await client.chapters();
  const [first] = chapters;
  if (chapters.length < 2 || terminal.stdin.isTTY !== true) return first?.chapter_id;
  for (const [index, { chapter_id: id, title }] of chapters.entries()) terminal.err(`  ${index + 1}  ${title} (${id})\n`);
  terminal.err('Which chapter? [1]\n');
  const answer = (await input.next())?.trim() ?? '';
  return (chapters[Number(answer || '1') - 1] ?? chapters.find(({ chapter_id: id }) => id === answer) ?? first)?.chapter_id;
}
