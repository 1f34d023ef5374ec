/** What a scripted reply counts; absent numbers are estimated from what was sent and emitted. */
export interface ScriptedUsage {
  readonly prompt?: number;
  readonly completion?: number;
  readonly cached?: number;
  readonly reasoning?: number;
}

/** One step of a reply: something to emit, something to wait for, or a way to break. */
export type Part =
  | { readonly kind: 'text' | 'reasoning' | 'refusal'; readonly text: string }
  | { readonly kind: 'tool-call'; readonly name: string; readonly argumentText: string }
  | { readonly kind: 'block' | 'ping' }
  | { readonly kind: 'headers' }
  | { readonly kind: 'gate'; readonly name: string }
  | { readonly kind: 'delay'; readonly ms: number }
  | { readonly kind: 'usage'; readonly usage: ScriptedUsage }
  | { readonly kind: 'finish'; readonly reason: string }
  | { readonly kind: 'stream-error'; readonly message: string; readonly type: string }
  | { readonly kind: 'raw'; readonly text: string }
  | { readonly kind: 'break'; readonly how: 'reset' | 'cut' | 'end' | 'stall' };

/** How the frames of a streamed reply look on the wire. */
export interface Wire {
  readonly lineEnding?: 'lf' | 'crlf';
  /** Bytes per write; `frame` writes each frame alone, `whole` writes all frames between two waits at once. */
  readonly cut?: 'frame' | 'whole' | number;
  /** False leaves out `[DONE]` or `message_stop`. */
  readonly done?: boolean;
  /** False leaves out the automatic finish reason. */
  readonly finish?: boolean;
  readonly usage?: 'normal' | 'none' | 'with_finish' | 'every_chunk' | 'after_done';
  readonly reasoningField?: 'reasoning_content' | 'reasoning';
}

/** An answer that is an HTTP error, or any other body with a status. */
export interface StatusAnswer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly error?: { readonly message: string; readonly type?: string; readonly code?: string | null; readonly param?: string };
  /** A literal body instead of the provider's error object. */
  readonly body?: string;
}

/** A complete reply, as data. */
export interface Reply {
  readonly parts: readonly Part[];
  readonly wire: Wire;
  readonly answer?: StatusAnswer;
}

/** Everything that can stand for a reply; a string is one text delta. */
export type ReplyInput = string | Part | Reply | readonly (Part | readonly Part[])[];

/** Makes one reply of whatever a test wrote. */
export function toReply(input: ReplyInput): Reply {
  if (typeof input === 'string') return { parts: [text(input)], wire: {} };
  if ('kind' in input) return { parts: [input], wire: {} };
  if ('parts' in input) return input;
  return { parts: input.flat(), wire: {} };
}

/** A reply with special behaviour on the wire. */
export function onWire(wire: Wire, input: ReplyInput): Reply {
  const reply = toReply(input);
  return { ...reply, wire: { ...reply.wire, ...wire } };
}

/** A reply that is an HTTP status with the provider's error object, or with a literal body. */
export function status(code: number, answer: Omit<StatusAnswer, 'status'> = {}): Reply {
  return { parts: [], wire: {}, answer: { status: code, ...answer } };
}

/** One delta of answer text. */
export function text(content: string): Part {
  return { kind: 'text', text: content };
}

/** One delta of answer text per entry. */
export function chunks(contents: readonly string[]): Part[] {
  return contents.map(text);
}

/** Waits until the test releases this name; the test can await that it was reached. */
export function gate(name: string): Part {
  return { kind: 'gate', name };
}

/** Waits for a time; meant for benchmarks, tests use gates. */
export function afterMs(ms: number): Part {
  return { kind: 'delay', ms };
}

/** One delta of reasoning (`reasoning_content` or a thinking block). */
export function reasoning(content: string): Part {
  return { kind: 'reasoning', text: content };
}

/** One delta of a refusal. */
export function refusal(content: string): Part {
  return { kind: 'refusal', text: content };
}

/** A tool call; a string is sent as it is, so that arguments can be broken. */
export function toolCall(name: string, args: unknown): Part {
  return { kind: 'tool-call', name, argumentText: typeof args === 'string' ? args : JSON.stringify(args) };
}

/** Begins another text block where the protocol has blocks. */
export function newBlock(): Part {
  return { kind: 'block' };
}

/** The reported usage; placed after a finish it is sent there, late. */
export function usage(counts: ScriptedUsage): Part {
  return { kind: 'usage', usage: counts };
}

/** The finish reason in OpenAI's words: stop, length, content_filter, tool_calls, or any other. */
export function finish(reason: string): Part {
  return { kind: 'finish', reason };
}

/** An error object inside the running stream. */
export function streamError(message: string, type = 'server_error'): Part {
  return { kind: 'stream-error', message, type };
}

/** Bytes that are written as they are. */
export function raw(content: string): Part {
  return { kind: 'raw', text: content };
}

/** A keep-alive: a comment line, or a ping event. */
export function ping(): Part {
  return { kind: 'ping' };
}

/** Sends the response headers before anything else. */
export function headers(): Part {
  return { kind: 'headers' };
}

/** Ends the reply badly: TCP reset, closed socket without an end of the body, clean end without a terminator, or silence. */
export function breakOff(how: 'reset' | 'cut' | 'end' | 'stall'): Part {
  return { kind: 'break', how };
}
