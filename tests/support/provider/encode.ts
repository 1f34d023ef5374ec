import type { PlainRequest } from './protocol.ts';
import type { Part, Reply, ScriptedUsage } from './script.ts';

/** The parts that an encoder turns into frames; waits and breaks belong to the player. */
export type ContentPart = Exclude<Part, { readonly kind: 'gate' | 'delay' | 'headers' | 'break' | 'raw' }>;

/** Writes one reply in one protocol. */
export interface Encoder {
  /** Frames for one part. */
  encode(part: ContentPart): string[];
  /** What is still due at the end: finish reason, usage, terminator. */
  finish(): string[];
  /** The same reply as one JSON body, for calls without streaming. */
  whole(): string;
}

/** What an encoder needs to know of the call. */
export interface EncodeContext {
  readonly id: string;
  readonly request: PlainRequest;
  readonly reply: Reply;
  readonly usage: Required<ScriptedUsage>;
}

/** All parts of a reply joined, as a call without streaming gets them. */
export interface WholeReply {
  readonly text: string;
  /** Text cut at block borders. */
  readonly blocks: readonly string[];
  readonly reasoning: string;
  readonly refusal: string;
  readonly toolCalls: readonly { readonly name: string; readonly argumentText: string }[];
  readonly finish: string;
}

/** Joins the parts of a reply. */
export function joinParts(parts: readonly Part[]): WholeReply {
  const joined = (kind: 'text' | 'reasoning' | 'refusal') => parts.map((part) => (part.kind === kind ? part.text : '')).join('');
  const blocks: string[] = [''];
  for (const part of parts) {
    if (part.kind === 'block') blocks.push('');
    if (part.kind === 'text') blocks[blocks.length - 1] += part.text;
  }
  const finish = parts.find((part) => part.kind === 'finish');
  return {
    text: joined('text'),
    blocks: blocks.filter((block) => block !== ''),
    reasoning: joined('reasoning'),
    refusal: joined('refusal'),
    toolCalls: parts.flatMap((part) => (part.kind === 'tool-call' ? [part] : [])),
    finish: finish?.reason ?? defaultFinish(parts),
  };
}

/** The finish reason of a reply that names none. */
export function defaultFinish(parts: readonly Part[]): string {
  return parts.some((part) => part.kind === 'tool-call') ? 'tool_calls' : 'stop';
}

/** Tool arguments as a few deltas, so that no client can rely on getting them whole. */
export function argumentPieces(argumentText: string): string[] {
  const size = Math.max(1, Math.ceil(argumentText.length / 3));
  const pieces: string[] = [];
  for (let at = 0; at < argumentText.length; at += size) pieces.push(argumentText.slice(at, at + size));
  return pieces;
}
