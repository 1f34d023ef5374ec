import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JupyterMessage } from '../connection/jupyter-message.ts';

/**
 * What a message of a gateway means beside its content. `repeat` = it came before; `cut` = the gateway says that it left output out;
 * `culled`, `restarted`, `died` = the process that we know has ended, or is about to.
 */
export type Verdict = 'news' | 'repeat' | 'cut' | 'culled' | 'restarted' | 'died';

const REMEMBERED = 4_096;
const RATE_NOTICE = /^IOPub (?:message|data) rate exceeded/;

/** Tells what the gateway itself says from what the kernel says, and one process of the kernel from the next. */
export class MessageWatch {
  readonly #ownSession: string;
  readonly #seen = new Set<string>(); // the oldest leave beyond 4096
  #kernelSession: string | null = null;
  #hasAskedForEnd = false;

  /** `ownSession` is the session of our socket; a gateway signs its own messages with it. */
  constructor(ownSession: string) {
    this.#ownSession = ownSession;
  }

  /** A message that is sent: an end that a client asks for is no loss. */
  note({ channel, header }: JupyterMessage): void {
    if (channel === 'control' && header.msg_type === 'shutdown_request') this.#hasAskedForEnd = true;
  }

  judge(message: JupyterMessage): Verdict {
    if (this.#isRepeat(message)) return 'repeat';
    const { channel, header, content } = message;
    if (this.#isOtherProcess(message)) return 'restarted';
    if (channel !== 'iopub') return 'news';
    if (header.msg_type === 'shutdown_reply' && !this.#hasAskedForEnd) return content.restart === true ? 'restarted' : 'culled';
    if (header.msg_type === 'status' && DEATHS.has(content.execution_state)) return 'died';
    const isNotice = header.msg_type === 'stream' && typeof content.text === 'string' && RATE_NOTICE.test(content.text.trimStart());
    return isNotice && header.session === this.#ownSession ? 'cut' : 'news';
  }

  #isRepeat({ channel, header }: JupyterMessage): boolean {
    if (header.msg_id === '') return false;
    const key = `${channel} ${header.msg_id}`;
    if (this.#seen.has(key)) return true;
    this.#seen.add(key);
    const [oldest] = this.#seen;
    if (this.#seen.size > REMEMBERED && oldest !== undefined) this.#seen.delete(oldest);
    return false;
  }

  /** The kernel's own session id is one per process; it shows in replies, and in the `starting` of a new process. */
  #isOtherProcess(message: JupyterMessage): boolean {
    const { channel, header, content } = message;
    if (header.session === '' || header.session === this.#ownSession) return false;
    const isReply = channel === 'shell' && parentIdOf(message) !== '';
    const isStart = channel === 'iopub' && header.msg_type === 'status' && content.execution_state === 'starting';
    if (isReply) this.#kernelSession ??= header.session;
    return (isReply || isStart) && this.#kernelSession !== null && this.#kernelSession !== header.session;
  }
}

/** States that a gateway reports by itself: the process has ended, whatever it does about it. We start our own. */
const DEATHS = new Set<unknown>(['restarting', 'autorestarting', 'dead']);
