/** What went wrong between us and a provider, in facts that no library owns. */
export type UpstreamFacts =
  | { kind: 'status'; status: number; headers: Readonly<Record<string, string>>; text: string }
  /** An error object inside a stream. */
  | { kind: 'reported'; text: string }
  /** The connection failed; `code` is the system's. */
  | { kind: 'network'; code: string }
  /** The stream ended without saying why. */
  | { kind: 'cut' }
  | { kind: 'gave_up'; reason: string }
  /** Something that is not an event stream of ours: a page, broken JSON, more than we read. */
  | { kind: 'unreadable'; what: string }
  | { kind: 'content_filter' }
  | { kind: 'cancelled' };

/** Thrown by adapters, turned into a `ModelError` by the gateway. `facts` may hold upstream text and stays inside `models/`. */
export class UpstreamError extends Error {
  override readonly name = 'UpstreamError';
  readonly facts: UpstreamFacts;

  constructor(facts: UpstreamFacts) {
    super(`upstream ${facts.kind}`);
    this.facts = facts;
  }
}
