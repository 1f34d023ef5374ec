import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { PlainMessage, PlainRequest, Protocol } from './protocol.ts';
import { countTokens } from './tokens.ts';

/** How the exchange stands, and who ended it. */
export type ExchangeState = 'open' | 'completed' | 'client_closed' | 'server_closed';

/** One valid request and the life of its connection, with times of `performance.now()`. */
export class ReceivedRequest {
  readonly sequence: number;
  readonly protocol: Protocol;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Readonly<Record<string, unknown>>;
  readonly rawBody: string;
  readonly plain: PlainRequest;
  readonly receivedAt = performance.now();
  /** Resolves with the final state when the response has ended or its connection is gone. */
  readonly closed: Promise<ExchangeState>;
  state: ExchangeState = 'open';
  status: number | null = null;
  firstByteAt: number | null = null;
  endedAt: number | null = null;
  clientClosedAt: number | null = null;
  /** Set by the player before it breaks the connection itself. */
  isBrokenByServer = false;

  constructor(sequence: number, facts: RequestFacts, ended: AbortController) {
    this.sequence = sequence;
    this.protocol = facts.protocol;
    this.path = facts.message.url ?? '';
    this.headers = facts.message.headers;
    this.body = facts.body;
    this.rawBody = facts.rawBody;
    this.plain = facts.plain;
    const { promise, resolve } = Promise.withResolvers<ExchangeState>();
    this.closed = promise;
    facts.response.once('close', () => {
      this.endedAt = performance.now();
      this.state = facts.response.writableFinished ? 'completed' : this.isBrokenByServer ? 'server_closed' : 'client_closed';
      if (this.state === 'client_closed') this.clientClosedAt = this.endedAt;
      ended.abort();
      resolve(this.state);
    });
  }

  /** The model asked for; with one model name per agent this tells the agents apart. */
  get model(): string {
    return this.plain.model;
  }

  /** The system text. */
  get system(): string {
    return this.plain.system;
  }

  /** Everything but the system text, in order. */
  get messages(): readonly PlainMessage[] {
    return this.plain.messages;
  }

  /** The last user or tool message. */
  get lastMessage(): string {
    return this.plain.messages.at(-1)?.text ?? '';
  }

  /** System text and all messages. */
  get text(): string {
    return [this.plain.system, ...this.plain.messages.map((message) => message.text)].join('\n');
  }

  /** The provider's own count of everything that was sent, tool definitions included. */
  get promptTokens(): number {
    return countTokens(this.text) + ('tools' in this.body ? countTokens(JSON.stringify(this.body['tools'])) : 0);
  }
}

/** What the server knows about a request once it is valid. */
export interface RequestFacts {
  readonly protocol: Protocol;
  readonly message: IncomingMessage;
  readonly response: ServerResponse;
  readonly body: Readonly<Record<string, unknown>>;
  readonly rawBody: string;
  readonly plain: PlainRequest;
}
