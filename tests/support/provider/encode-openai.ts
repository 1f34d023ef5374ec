import { argumentPieces, defaultFinish, joinParts } from './encode.ts';
import type { ContentPart, EncodeContext, Encoder } from './encode.ts';

/** Writes replies as `chat.completion.chunk` frames, or as one `chat.completion`. */
export function createOpenAiEncoder(context: EncodeContext): Encoder {
  const { request, reply } = context;
  const { wire, parts } = reply;
  const base = { id: `chatcmpl-${context.id}`, created: 1_700_000_000, model: request.model, system_fingerprint: 'fp_scripted' };
  const counts = usageObject(context);
  const usageMode = wire.usage ?? 'normal';
  let [toolIndex, hasBegun, hasFinish, hasUsage] = [0, false, false, false];

  const frame = (body: object) => `data: ${JSON.stringify(body)}\n\n`;
  const chunk = (delta: object, finish: string | null = null): string => {
    const carriesUsage = usageMode === 'every_chunk' || (usageMode === 'with_finish' && finish !== null);
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: finish }];
    const usage = carriesUsage ? { usage: counts } : request.includeUsage && usageMode !== 'none' ? { usage: null } : {};
    return frame({ ...base, object: 'chat.completion.chunk', choices, ...usage });
  };
  const usageFrame = () => frame({ ...base, object: 'chat.completion.chunk', choices: [], usage: counts });
  const begin = (): string[] => {
    if (hasBegun) return [];
    hasBegun = true;
    return [chunk({ role: 'assistant', content: '' })];
  };

  const encodeToolCall = (part: ContentPart & { kind: 'tool-call' }): string[] => {
    const index = toolIndex++;
    const head = { index, id: `call_${context.id}_${index}`, type: 'function', function: { name: part.name, arguments: '' } };
    const pieces = argumentPieces(part.argumentText);
    return [head, ...pieces.map((piece) => ({ index, function: { arguments: piece } }))].map((call) => chunk({ tool_calls: [call] }));
  };
  const encodePart = (part: ContentPart): string[] => {
    switch (part.kind) {
      case 'text': return [...begin(), chunk({ content: part.text })];
      case 'reasoning': return [...begin(), chunk({ [wire.reasoningField ?? 'reasoning_content']: part.text })];
      case 'refusal': return [...begin(), chunk({ refusal: part.text })];
      case 'tool-call': return [...begin(), ...encodeToolCall(part)];
      case 'finish':
        hasFinish = true;
        return [...begin(), chunk({}, part.reason)];
      case 'usage':
        if (!hasFinish || usageMode !== 'normal') return [];
        hasUsage = true;
        return [usageFrame()];
      case 'ping': return [': keep-alive\n\n'];
      case 'block': return [];
      case 'stream-error': return [frame({ error: { message: part.message, type: part.type, param: null, code: null } })];
      default: return part satisfies never;
    }
  };

  return {
    encode: encodePart,
    finish: () => {
      const isUsageDue = usageMode === 'normal' && request.includeUsage && !hasUsage;
      return [
        ...begin(),
        ...(hasFinish || wire.finish === false ? [] : [chunk({}, defaultFinish(parts))]),
        ...(isUsageDue ? [usageFrame()] : []),
        ...(wire.done === false ? [] : ['data: [DONE]\n\n']),
        ...(usageMode === 'after_done' ? [usageFrame()] : []),
      ];
    },
    whole: () => JSON.stringify({ ...base, object: 'chat.completion', ...wholeChoices(context), ...wholeUsage(context, counts) }),
  };
}

function usageObject({ usage }: EncodeContext): object {
  return {
    prompt_tokens: usage.prompt,
    completion_tokens: usage.completion,
    total_tokens: usage.prompt + usage.completion,
    prompt_tokens_details: { cached_tokens: usage.cached },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  };
}

function wholeUsage({ reply }: EncodeContext, counts: object): object {
  return reply.wire.usage === 'none' ? {} : { usage: counts };
}

function wholeChoices({ id, reply }: EncodeContext): object {
  const whole = joinParts(reply.parts);
  const toolCalls = whole.toolCalls.map((call, index) => ({
    id: `call_${id}_${index}`,
    type: 'function',
    function: { name: call.name, arguments: call.argumentText },
  }));
  const message = {
    role: 'assistant',
    content: whole.text === '' && toolCalls.length > 0 ? null : whole.text,
    refusal: whole.refusal === '' ? null : whole.refusal,
    ...(whole.reasoning === '' ? {} : { [reply.wire.reasoningField ?? 'reasoning_content']: whole.reasoning }),
    ...(toolCalls.length > 0 ? { tool_calls: toolCalls } : {}),
  };
  return { choices: [{ index: 0, message, logprobs: null, finish_reason: reply.wire.finish === false ? null : whole.finish }] };
}
