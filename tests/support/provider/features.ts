import { Refusal } from './protocol.ts';
import type { Feature, ModelTraits, PlainRequest, Protocol } from './protocol.ts';

/** How a server says that it does not know a feature; `{model}` is the model's name. */
export const UNSUPPORTED_WORDINGS: Readonly<Record<Feature, { message: string; param: string; code: string | null }>> = {
  max_tokens: {
    message: "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    param: 'max_tokens',
    code: 'unsupported_parameter',
  },
  max_completion_tokens: {
    message: "Unrecognized request argument supplied: max_completion_tokens",
    param: 'max_completion_tokens',
    code: null,
  },
  temperature: {
    message: "Unsupported value: 'temperature' does not support 0.2 with this model. Only the default (1) value is supported.",
    param: 'temperature',
    code: 'unsupported_value',
  },
  json_schema: {
    message: "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
    param: 'response_format',
    code: null,
  },
  json_object: {
    message: "'response_format.type' must be 'json_schema' or 'text'",
    param: 'response_format',
    code: null,
  },
  tools: { message: 'registry/library/{model} does not support tools', param: 'tools', code: null },
  tool_choice: { message: '{model} does not support this tool_choice', param: 'tool_choice', code: 'invalid_request_error' },
  stream_options: {
    message: 'Unrecognized request argument supplied: stream_options',
    param: 'stream_options',
    code: null,
  },
};

/** Turns down what this model refuses, and prompts beyond its window; such refusals are not violations. */
export function refuseByTraits(protocol: Protocol, request: TraitSubject, traits: ModelTraits): void {
  const refused = traits.refuses?.find((feature) => usedFeatures(request).has(feature));
  if (refused !== undefined) throw new Refusal({ status: 400, error: unsupported(refused, request.plain.model) }, false);
  const { contextTokens } = traits;
  const needed = request.promptTokens + (request.plain.maxTokens ?? 0);
  if (contextTokens === undefined || needed <= contextTokens) return;
  const message =
    protocol === 'anthropic'
      ? `prompt is too long: ${needed} tokens > ${contextTokens} maximum`
      : `This model's maximum context length is ${contextTokens} tokens. However, your messages resulted in ${needed} tokens. ` +
        'Please reduce the length of the messages.';
  throw new Refusal({ status: 400, error: { message, code: 'context_length_exceeded', param: 'messages' } }, false);
}

/** What the traits are tested against. */
export interface TraitSubject {
  readonly plain: PlainRequest;
  readonly body: unknown;
  readonly promptTokens: number;
}

/** The error object for an unsupported feature. */
export function unsupported(feature: Feature, model: string): { message: string; param: string; code: string | null } {
  const wording = UNSUPPORTED_WORDINGS[feature];
  return { ...wording, message: wording.message.replace('{model}', model) };
}

function usedFeatures({ plain, body }: TraitSubject): Set<Feature> {
  const keys = Object.keys(body as object);
  const used = new Set<Feature>();
  for (const feature of ['max_tokens', 'max_completion_tokens', 'temperature', 'tools', 'stream_options'] as const) {
    if (keys.includes(feature)) used.add(feature);
  }
  if (plain.forcedTool !== null) used.add('tool_choice');
  if (plain.responseFormat !== 'text') used.add(plain.responseFormat);
  return used;
}
