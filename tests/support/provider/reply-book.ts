import type { ReceivedRequest } from './received-request.ts';
import { toReply } from './script.ts';
import type { Reply, ReplyInput } from './script.ts';

/** Which requests a script answers: a model name, or a predicate over the whole request. */
export type Match = string | ((request: ReceivedRequest) => boolean);

/** A reply, or a function that makes it from the request. */
export type ReplySource = ReplyInput | ((request: ReceivedRequest) => ReplyInput);

/** Matches every request. */
export const anyRequest: Match = () => true;

interface Script {
  readonly match: Match;
  readonly replies: ReplySource[];
}

/** The scripted replies of a provider: those used once in the order written, then the standing ones, newest first. */
export class ReplyBook {
  #once: Script[] = [];
  #standing: { readonly match: Match; readonly reply: ReplySource }[] = [];

  script(match: Match, replies: readonly ReplySource[]): void {
    if (replies.length === 0) throw new Error('a script needs at least one reply');
    this.#once.push({ match, replies: [...replies] });
  }

  always(match: Match, reply: ReplySource): void {
    this.#standing.unshift({ match, reply });
  }

  /** Takes the reply for a request, or null when no script is meant for it. */
  take(request: ReceivedRequest): Reply | null {
    const script = this.#once.find((candidate) => candidate.replies.length > 0 && fits(candidate.match, request));
    const source = script === undefined ? this.#standing.find(({ match }) => fits(match, request))?.reply : script.replies.shift();
    this.#once = this.#once.filter((candidate) => candidate.replies.length > 0);
    if (source === undefined) return null;
    return toReply(typeof source === 'function' ? source(request) : source);
  }

  /** Replies that were written to be used once and were not. */
  get unused(): number {
    return this.#once.reduce((sum, script) => sum + script.replies.length, 0);
  }

  clear(): void {
    this.#once = [];
    this.#standing = [];
  }
}

function fits(match: Match, request: ReceivedRequest): boolean {
  return typeof match === 'string' ? request.model === match : match(request);
}
