import { createServer } from 'node:http';
import type { IncomingHttpHeaders, IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { Changes, DEFAULT_WAIT_MS } from './bounded.ts';
import { Gates } from './gates.ts';
import { play, sendAnswer } from './play.ts';
import { Refusal } from './protocol.ts';
import type { Protocol, Strictness } from './protocol.ts';
import type { ReceivedRequest } from './received-request.ts';
import { ENDPOINTS, applyTraits, readBody, receive } from './reception.ts';
import type { Arrival } from './reception.ts';
import { ReplyBook, anyRequest } from './reply-book.ts';
import type { Match, ReplySource } from './reply-book.ts';
import { status } from './script.ts';

/** Everything optional; the defaults are strict. */
export interface ProviderOptions extends Partial<Strictness> {
  /** Further paths with the protocol spoken there, such as `/compatible-mode/v1/chat/completions`. */
  readonly extraEndpoints?: Readonly<Record<string, Protocol>>;
}

/** A request that broke the protocol, as it was answered. */
export interface Violation {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly status: number;
  readonly message: string;
  readonly rawBody: string;
}

/** Starts a scripted provider on a free loopback port. */
export async function createProvider(options: ProviderOptions = {}): Promise<Provider> {
  const provider = new Provider(options);
  await provider.open();
  return provider;
}

/** A strict model provider that answers from a script and keeps what it saw. */
export class Provider {
  readonly requests: ReceivedRequest[] = [];
  readonly violations: Violation[] = [];
  /** Valid requests that no script was meant for; they were answered with 500. */
  readonly unexpected: ReceivedRequest[] = [];
  /** What scripts threw while they made or played a reply. */
  readonly failures: unknown[] = [];
  readonly #strictness: Strictness;
  readonly #endpoints: Readonly<Record<string, Protocol>>;
  readonly #book = new ReplyBook();
  readonly #gates = new Gates();
  readonly #changes = new Changes();
  readonly #sockets = new Set<Socket>(); // a socket leaves when it closes
  #server: Server | null = null;
  #port = 0;
  #arrivals = 0;
  #unclaimed: ReceivedRequest[] = [];

  constructor({ extraEndpoints = {}, ...strictness }: ProviderOptions) {
    this.#strictness = { apiKey: undefined, models: undefined, strictTemplate: true, extraParameters: [], ...strictness };
    this.#endpoints = { ...ENDPOINTS, ...extraEndpoints };
  }

  /** Scheme, host and port, without `/v1`. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Answers matching requests with these replies, each once, in this order. */
  script(match: Match, ...replies: readonly ReplySource[]): void {
    this.#book.script(match, replies);
  }

  /** Answers whatever comes with these replies, each once, in this order. */
  enqueue(...replies: readonly ReplySource[]): void {
    this.#book.script(anyRequest, replies);
  }

  /** Answers every matching request that no script of its own is left for. */
  always(match: Match, reply: ReplySource): void {
    this.#book.always(match, reply);
  }

  /** How many replies meant to be used once are left. */
  unusedReplies(): number {
    return this.#book.unused;
  }

  /** Opens a gate for every reply that stands or will stand at it. */
  release(gateName: string): void {
    this.#gates.release(gateName);
  }

  /** Resolves when a reply stands at this gate. */
  async reached(gateName: string, withinMs = DEFAULT_WAIT_MS): Promise<void> {
    await this.#gates.reached(gateName, withinMs);
  }

  /** The oldest valid request not yet returned by this method, now or when it comes. */
  async nextRequest(matches: Match = anyRequest, withinMs = DEFAULT_WAIT_MS): Promise<ReceivedRequest> {
    const take = () => {
      const index = this.#unclaimed.findIndex((request) => (typeof matches === 'string' ? request.model === matches : matches(request)));
      return index < 0 ? undefined : this.#unclaimed.splice(index, 1)[0];
    };
    return await this.#changes.until(take, withinMs, () => `no further matching request; ${this.#summary()}`);
  }

  /** Connections that exist right now, idle keep-alive ones included. */
  openSockets(): number {
    return this.#sockets.size;
  }

  /** Resolves when no exchange is open. */
  async idle(withinMs = DEFAULT_WAIT_MS): Promise<void> {
    const isIdle = () => this.requests.every((request) => request.state !== 'open') || undefined;
    await this.#changes.until(isIdle, withinMs, () => `an exchange is still open; ${this.#summary()}`);
  }

  /** Resolves when no connection is left. */
  async drained(withinMs = DEFAULT_WAIT_MS): Promise<void> {
    await this.#changes.until(() => this.#sockets.size === 0 || undefined, withinMs, () => `${this.#sockets.size} sockets are open`);
  }

  /** Throws when a request broke the protocol or was not expected, a script failed, or a reply was left over. */
  assertClean(): void {
    if (this.violations.length + this.unexpected.length + this.failures.length + this.unusedReplies() === 0) return;
    throw new Error(`the provider saw something wrong; ${this.#summary()}`);
  }

  /** Forgets scripts, gates and records; open exchanges go on. */
  reset(): void {
    this.#book.clear();
    this.#gates.clear();
    this.#unclaimed = [];
    for (const list of [this.requests, this.violations, this.unexpected, this.failures]) list.length = 0;
  }

  /** Listens; again on the same port when it was closed. */
  async open(): Promise<void> {
    const server = createServer({ keepAliveTimeout: 60_000 }, (message, response) => {
      this.#serve(message, response).catch((error: unknown) => {
        this.failures.push(error);
        if (response.headersSent) response.destroy();
        else sendAnswer(response, { protocol: 'openai', answer: { status: 500, error: { message: `the script failed: ${String(error)}` } } });
      });
    });
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.once('close', () => {
        this.#sockets.delete(socket);
        this.#changes.notify();
      });
    });
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Breaks all connections and refuses new ones until the returned resource is disposed. */
  async refuseConnections(): Promise<AsyncDisposable> {
    await this.close();
    return { [Symbol.asyncDispose]: async () => await this.open() };
  }

  /** Breaks all connections and stops listening; harmless when repeated. */
  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    for (const request of this.requests) request.isBrokenByServer ||= request.state === 'open';
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    server.closeAllConnections();
    await closed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(message.url ?? '/', this.url);
    const protocol = Object.hasOwn(this.#endpoints, pathname) ? this.#endpoints[pathname]! : null;
    const ended = new AbortController();
    this.#arrivals += 1;
    let rawBody = '';
    try {
      rawBody = await readBody(message);
      if (protocol === null) throw new Refusal({ status: 404, error: { message: `Invalid URL (${message.method} ${message.url})` } });
      await this.#answer({ sequence: this.#arrivals, protocol, message, response, rawBody, ended });
    } catch (error) {
      if (message.errored !== null) return; // gone before the request was complete
      if (!(error instanceof Refusal)) throw error;
      if (error.isViolation) {
        const { method = '', url: path = '', headers } = message;
        this.violations.push({ method, path, headers, status: error.answer.status, message: error.message, rawBody });
      }
      sendAnswer(response, { protocol: protocol ?? 'openai', answer: error.answer });
    }
  }

  async #answer(arrival: Arrival): Promise<void> {
    const request = receive(arrival, this.#strictness);
    const traits = this.#strictness.models?.[request.model];
    const { response } = arrival;
    response.once('finish', () => (request.status = response.statusCode));
    void request.closed.then(() => this.#changes.notify());
    this.requests.push(request);
    this.#unclaimed.push(request);
    this.#changes.notify();
    applyTraits(request, traits);
    let reply = this.#book.take(request);
    if (reply === null) {
      this.unexpected.push(request);
      reply = status(500, { error: { message: `no script for this request (model ${request.model})` } });
    }
    await play({ request, response, reply, gates: this.#gates, truncatesAt: traits?.truncatesAt, signal: arrival.ended.signal });
  }

  #summary(): string {
    const requests = this.requests.map((request) => `${request.model} ${request.state}`).join(', ');
    const violations = this.violations.map((violation) => `${violation.status} ${violation.path}: ${violation.message}`).join('; ');
    const unexpected = this.unexpected.map((request) => `${request.model}: ${request.lastMessage.slice(0, 200)}`).join('; ');
    const seen = `requests [${requests}], violations [${violations}], unexpected [${unexpected}]`;
    return `${seen}, failures [${this.failures.map(String).join('; ')}], replies left ${this.unusedReplies()}`;
  }
}
