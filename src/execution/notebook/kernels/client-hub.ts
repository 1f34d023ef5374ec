import type { Language } from '../../../contracts/index.ts';
import { parentIdOf } from '../connection/jupyter-message.ts';
import type { JsonObject, JupyterMessage } from '../connection/jupyter-message.ts';
import type { MessageMaker } from '../connection/new-message.ts';
import type { ClientChannel, ClientSink } from './jupyter-kernels.ts';
import type { Kernel } from './kernel.ts';
import { ReplayBuffer } from './replay-buffer.ts';

const KEPT_MS = 600_000;
const CLIENT_LIMIT = 64;
const ASKED_LIMIT = 1_000;

const LOST: Readonly<Record<Language, (count: number) => string>> = {
  en: (count) => `[sidecar] ${count} messages were lost while the connection was closed.\n`,
  zh: (count) => `[sidecar] 连接断开期间有 ${count} 条消息丢失。\n`,
};

interface Client { sink: ClientSink | null; missed: ReplayBuffer; timer: NodeJS.Timeout | null }

export interface ClientHubOptions {
  kernel: Kernel;
  makeMessage: MessageMaker;
  language: Language;
  /** Queues an execute request of a client; `onUnrun` is called when it is skipped or cancelled. Throws QUEUE_FULL. */
  execute(message: JupyterMessage, onUnrun: () => void): void;
}

/** The clients of one kernel: replies go to whoever asked, iopub to all, and what a client misses is kept for its return. */
export class ClientHub implements Disposable {
  readonly #options: ClientHubOptions;
  readonly #clients = new Map<string, Client>(); // left ten minutes after the socket, with the kernel, or by the bound
  /** Who asked what; the oldest requests leave first. */
  readonly #askedBy = new Map<string, string>();
  readonly #subscriptions = new DisposableStack();

  constructor(options: ClientHubOptions) {
    this.#options = options;
    const { kernel } = options;
    this.#subscriptions.use(kernel.onMessage((message) => this.#route(message)));
    this.#subscriptions.use(kernel.onEvent((event) => {
      if (event.type === 'lost') this.#tellLoss(event);
      // The status `restarting` would read as a crash: Jupyter's clients take it for a restart that nobody asked for.
      if (event.type === 'restarting') this.#broadcast(this.#options.makeMessage('iopub', 'shutdown_reply', { status: 'ok', restart: true }));
      if (event.type === 'starting') this.#broadcastState('starting');
      if (event.type === 'started') this.#broadcastState('idle');
    }));
  }

  attach(name: string, sink: ClientSink): ClientChannel {
    const { kernel } = this.#options;
    const client = this.#clients.get(name) ?? this.#admit(name);
    if (client.timer !== null) clearTimeout(client.timer);
    client.timer = null;
    if (client.sink === null) kernel.clients += 1;
    client.sink = sink;
    this.#replay(client);
    return {
      send: (message) => this.#receive(name, message),
      leave: (unsent = []) => {
        if (client.sink !== sink) return; // Another socket has taken the name over.
        for (const message of unsent) client.missed.add(message);
        client.sink = null;
        kernel.clients -= 1;
        client.timer = setTimeout(() => { this.#clients.delete(name); }, KEPT_MS);
        client.timer.unref();
      },
    };
  }

  [Symbol.dispose](): void {
    this.#subscriptions.dispose();
    for (const client of this.#clients.values()) {
      if (client.timer !== null) clearTimeout(client.timer);
      client.sink?.dead();
    }
    this.#clients.clear();
  }

  #admit(name: string): Client {
    const client: Client = { sink: null, missed: new ReplayBuffer(), timer: null };
    this.#clients.set(name, client);
    const idle = [...this.#clients].find(([, each]) => each.sink === null && each !== client);
    if (this.#clients.size > CLIENT_LIMIT && idle !== undefined) this.#clients.delete(idle[0]);
    return client;
  }

  #replay(client: Client): void {
    const { messages, lost } = client.missed.drain();
    if (lost > 0) {
      const text = LOST[this.#options.language](lost);
      client.sink?.message(this.#options.makeMessage('iopub', 'stream', { name: 'stderr', text }));
    }
    for (const message of messages) client.sink?.message(message);
  }

  #receive(name: string, message: JupyterMessage): void {
    const { kernel } = this.#options;
    this.#askedBy.set(message.header.msg_id, name);
    const [oldest] = this.#askedBy.keys();
    if (this.#askedBy.size > ASKED_LIMIT && oldest !== undefined) this.#askedBy.delete(oldest);
    if (message.channel === 'shell' && message.header.msg_type === 'execute_request') {
      this.#options.execute(message, () => this.#answerUnrun(name, message));
      return;
    }
    if (message.channel === 'stdin' && message.header.msg_type === 'input_reply') kernel.queue.running?.run.answered();
    if (message.channel === 'control' && message.header.msg_type === 'shutdown_request') kernel.expectEnd();
    kernel.send(message).catch(() => undefined); // The loss of the kernel is told to every client.
  }

  #route(message: JupyterMessage): void {
    if (message.channel === 'iopub') return this.#broadcast(message);
    const asker = this.#askedBy.get(parentIdOf(message)) ?? message.parent_header.session;
    const client = typeof asker === 'string' ? this.#clients.get(asker) : undefined;
    if (message.header.msg_type === 'execute_reply') this.#askedBy.delete(parentIdOf(message));
    if (client !== undefined) deliver(client, message);
  }

  #broadcast(message: JupyterMessage): void {
    for (const client of this.#clients.values()) deliver(client, message);
  }

  #broadcastState(state: string): void {
    this.#broadcast(this.#options.makeMessage('iopub', 'status', { execution_state: state }));
  }

  #tellLoss({ willRestart, isAsked }: { willRestart: boolean; isAsked: boolean }): void {
    if (isAsked && willRestart) return; // A normal start follows.
    // Jupyter's own word for a restart that nobody asked for, which makes its clients give open requests up; then the exact one.
    for (const state of willRestart ? ['restarting', 'autorestarting'] : ['dead']) this.#broadcastState(state);
    if (willRestart) return;
    for (const client of this.#clients.values()) client.sink?.dead();
  }

  /** What a kernel says to a request that it aborts; one that has its reply is only told the end. */
  #answerUnrun(name: string, request: JupyterMessage): void {
    const client = this.#clients.get(name);
    if (client === undefined) return;
    const answer = (channel: 'shell' | 'iopub', type: string, content: JsonObject): void => {
      deliver(client, { ...this.#options.makeMessage(channel, type, content), parent_header: request.header });
    };
    if (this.#askedBy.delete(request.header.msg_id)) {
      answer('iopub', 'status', { execution_state: 'busy' });
      answer('shell', 'execute_reply', { status: 'aborted', execution_count: this.#options.kernel.executionCount });
    }
    answer('iopub', 'status', { execution_state: 'idle' });
  }
}

function deliver(client: Client, message: JupyterMessage): void {
  if (client.sink === null) client.missed.add(message);
  else client.sink.message(message);
}
