import { argumentPieces, defaultFinish, joinParts } from './encode.ts';
import type { ContentPart, EncodeContext, Encoder } from './encode.ts';

const STOP_REASONS: Readonly<Record<string, string>> = {
  stop: 'end_turn',
  length: 'max_tokens',
  content_filter: 'refusal',
  tool_calls: 'tool_use',
};

/** Writes replies as messages events with their `event:` lines, or as one message. */
export function createAnthropicEncoder(context: EncodeContext): Encoder {
  const { reply } = context;
  const usageMode = reply.wire.usage ?? 'normal';
  const counts = usageMode === 'none' ? { input_tokens: 0, output_tokens: 0 } : inputUsage(context);
  const outputUsage = usageMode === 'none' ? {} : { usage: { output_tokens: context.usage.completion } };
  let [index, hasBegun, hasFinish] = [-1, false, false];
  let open: 'text' | 'thinking' | null = null;

  const begin = (): string[] => {
    if (hasBegun) return [];
    hasBegun = true;
    const message = { ...messageHead(context), content: [], stop_reason: null, stop_sequence: null, usage: { ...counts, output_tokens: 1 } };
    return [event('message_start', { message }), event('ping', {})];
  };
  const closeBlock = (): string[] => {
    if (open === null) return [];
    const signature = { type: 'signature_delta', signature: 'c2NyaXB0ZWQ=' };
    const signed = open === 'thinking' ? [event('content_block_delta', { index, delta: signature })] : [];
    open = null;
    return [...signed, event('content_block_stop', { index })];
  };
  const inBlock = (kind: 'text' | 'thinking', delta: object): string[] => {
    const frames = [...begin(), ...(open === kind ? [] : closeBlock())];
    if (open !== kind) {
      open = kind;
      index += 1;
      const block = kind === 'text' ? { type: 'text', text: '' } : { type: 'thinking', thinking: '', signature: '' };
      frames.push(event('content_block_start', { index, content_block: block }));
    }
    return [...frames, event('content_block_delta', { index, delta })];
  };
  const toolFrames = (name: string, argumentText: string): string[] => {
    const frames = [...begin(), ...closeBlock()];
    index += 1;
    const block = { type: 'tool_use', id: `toolu_${context.id}_${index}`, name, input: {} };
    const deltas = argumentPieces(argumentText).map((piece) => ({ type: 'input_json_delta', partial_json: piece }));
    return [
      ...frames,
      event('content_block_start', { index, content_block: block }),
      ...deltas.map((delta) => event('content_block_delta', { index, delta })),
      event('content_block_stop', { index }),
    ];
  };
  const stop = (reason: string): string[] => {
    const delta = { stop_reason: STOP_REASONS[reason] ?? reason, stop_sequence: null };
    return [...begin(), ...closeBlock(), event('message_delta', { delta, ...outputUsage })];
  };
  const encodePart = (part: ContentPart): string[] => {
    switch (part.kind) {
      case 'text':
      case 'refusal': return inBlock('text', { type: 'text_delta', text: part.text });
      case 'reasoning': return inBlock('thinking', { type: 'thinking_delta', thinking: part.text });
      case 'tool-call': return toolFrames(part.name, part.argumentText);
      case 'finish':
        hasFinish = true;
        return stop(part.reason);
      case 'usage': return hasFinish ? [event('message_delta', { delta: {}, ...outputUsage })] : [];
      case 'ping': return [...begin(), event('ping', {})];
      case 'block': return closeBlock();
      case 'stream-error': return [event('error', { error: { type: anthropicErrorType(part.type), message: part.message } })];
      default: return part satisfies never;
    }
  };

  return {
    encode: encodePart,
    finish: () => [
      ...begin(),
      ...(hasFinish || reply.wire.finish === false ? closeBlock() : stop(defaultFinish(reply.parts))),
      ...(reply.wire.done === false ? [] : [event('message_stop', {})]),
    ],
    whole: () => JSON.stringify(wholeMessage(context)),
  };
}

function event(type: string, body: object): string {
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...body })}\n\n`;
}

function anthropicErrorType(type: string): string {
  return type === 'server_error' ? 'api_error' : type;
}

function messageHead({ id, request }: EncodeContext): object {
  return { id: `msg_${id}`, type: 'message', role: 'assistant', model: request.model };
}

// The service counts cached tokens beside the input, not within it.
function inputUsage({ usage }: EncodeContext): object {
  return {
    input_tokens: usage.prompt - usage.cached,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: usage.cached,
    output_tokens: usage.completion,
  };
}

function wholeMessage(context: EncodeContext): object {
  const whole = joinParts(context.reply.parts);
  const content = [
    ...(whole.reasoning === '' ? [] : [{ type: 'thinking', thinking: whole.reasoning, signature: 'c2NyaXB0ZWQ=' }]),
    ...[...whole.blocks, whole.refusal].filter((block) => block !== '').map((block) => ({ type: 'text', text: block })),
    ...whole.toolCalls.map((call, index) => ({
      type: 'tool_use',
      id: `toolu_${context.id}_${index}`,
      name: call.name,
      input: JSON.parse(call.argumentText) as unknown,
    })),
  ];
  const stopReason = STOP_REASONS[whole.finish] ?? whole.finish;
  return { ...messageHead(context), content, stop_reason: stopReason, stop_sequence: null, usage: inputUsage(context) };
}
