import type { NormalisedEvent, SidecarClient } from '../../client/index.ts';
import { SidecarApiError } from '../../client/index.ts';
import type { Terminal } from '../terminal.ts';
import { renderEvent } from './render-event.ts';
import { SKIP_REASONS, readSkipReason } from './skip-reason.ts';

export const COMMANDS_HELP = `  /skip [reason]   skip the current task; reasons:
                   ${SKIP_REASONS}
  /report          show the progress page
  /cancel          stop the answer (also Ctrl-C)
  /end             end the session with a report
  /help            this list
  /quit            leave; the session stays
`;

/** A conversation about one session. One turn runs at a time. */
export class Conversation {
  readonly #client: SidecarClient;
  readonly #sessionId: string;
  readonly #terminal: Terminal;
  #isAnswering = false;
  /** That the tutor is a rule-based one is told once, not in every turn. */
  #knowsOffline = false;

  constructor(parts: { client: SidecarClient; sessionId: string; terminal: Terminal }) {
    this.#client = parts.client;
    this.#sessionId = parts.sessionId;
    this.#terminal = parts.terminal;
  }

  get isAnswering(): boolean {
    return this.#isAnswering;
  }

  /** Handles one line: a command or a message. Resolves false when the conversation is over. */
  async handle(line: string): Promise<boolean> {
    const [command = '', ...words] = line.trim().split(/\s+/);
    switch (command) {
      case '': return true;
      case '/quit': return false;
      case '/help': this.#terminal.err(COMMANDS_HELP); return true;
      case '/cancel': this.#remark('nothing is being answered'); return true;
      case '/report': await this.#try(async () => this.#terminal.out(`${await this.#client.dynamicReport(this.#sessionId) || '(nothing yet)'}\n`)); return true;
      case '/skip': await this.#try(() => this.#skip(words.join(' '))); return true;
      case '/end': return !(await this.#try(() => this.#end()));
      default: break;
    }
    if (/^\/[a-z]+$/.test(command)) this.#remark(`unknown command ${command}; /help lists them`);
    else await this.say(line);
    return true;
  }

  /** Sends a message and shows its turn. */
  async say(message: string): Promise<void> {
    this.#isAnswering = true;
    await this.#try(async () => {
      for await (const event of this.#client.send(this.#sessionId, message)) this.#show(event);
    });
    this.#isAnswering = false;
  }

  /** Stops the running answer. */
  async cancel(): Promise<void> {
    await this.#try(() => this.#client.cancel(this.#sessionId));
  }

  #show(event: NormalisedEvent): void {
    const isOfflineNotice = event.type === 'notice' && event.code === 'offline_tutor';
    if (isOfflineNotice && this.#knowsOffline) return;
    this.#knowsOffline ||= isOfflineNotice;
    const shown = renderEvent(event);
    if (shown === null) return;
    if ('text' in shown) this.#terminal.out(shown.text);
    else this.#remark(shown.remark);
  }

  async #skip(words: string): Promise<void> {
    const request = readSkipReason(words);
    if (request === null) return this.#remark(`not a reason to skip; one of: ${SKIP_REASONS}`);
    if (request.reason_text === '') return this.#remark('say it in your words: /skip other …');
    const answer = await this.#client.skipTask(this.#sessionId, request);
    if (answer.needs_reason) {
      this.#remark(`please say why you skip “${answer.skipped_task_title}”: /skip with one of ${SKIP_REASONS}`);
    } else if (answer.skipped_task_id === '') {
      this.#remark('there is no open task');
    } else {
      this.#remark(`skipped: ${answer.skipped_task_title}`);
      await this.say('[TASK_SKIPPED]');
    }
  }

  async #end(): Promise<void> {
    const { final_report: report } = await this.#client.endSession(this.#sessionId);
    this.#terminal.out(`${report}\n`);
  }

  /** Refusals are told and the conversation goes on; resolves true when nothing was refused. */
  async #try(work: () => Promise<unknown>): Promise<boolean> {
    try {
      await work();
      return true;
    } catch (error) {
      if (!(error instanceof SidecarApiError)) throw error;
      this.#remark(`${error.detail} (${error.code})`);
      return false;
    }
  }

  #remark(text: string): void {
    this.#terminal.err(`[${text}]\n`);
  }
}
