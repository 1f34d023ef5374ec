import { z } from 'zod';
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal, refuse } from './protocol.ts';
import type { PlainMessage, PlainRequest, Strictness } from './protocol.ts';
import { requireStrictSchema } from './strict-schema.ts';

const TextPart = z.strictObject({ type: z.literal('text'), text: z.string() });
const ImagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string().min(1), detail: z.enum(['auto', 'low', 'high']).optional() }),
});
const Text = z.union([z.string(), z.array(TextPart).min(1)]);
const ToolName = z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/);
const ToolCall = z.strictObject({
  id: z.string().min(1),
  type: z.literal('function'),
  function: z.strictObject({ name: ToolName, arguments: z.string() }),
});
const Message = z.discriminatedUnion('role', [
  z.strictObject({ role: z.literal('system'), content: Text, name: z.string().optional() }),
  z.strictObject({ role: z.literal('developer'), content: Text, name: z.string().optional() }),
  z.strictObject({
    role: z.literal('user'),
    content: z.union([z.string(), z.array(z.union([TextPart, ImagePart])).min(1)]),
    name: z.string().optional(),
  }),
  z.strictObject({
    role: z.literal('assistant'),
    content: Text.nullable().optional(),
    reasoning_content: z.string().optional(),
    refusal: z.string().nullable().optional(),
    tool_calls: z.array(ToolCall).min(1).optional(),
    name: z.string().optional(),
  }),
  z.strictObject({ role: z.literal('tool'), content: Text, tool_call_id: z.string().min(1) }),
]);
const JsonSchema = z.record(z.string(), z.unknown());
const ToolFunction = z.strictObject({
  name: ToolName,
  description: z.string().max(1024).optional(),
  parameters: JsonSchema.optional(),
  strict: z.boolean().nullable().optional(),
});
const Tool = z.strictObject({ type: z.literal('function'), function: ToolFunction });
const ResponseFormat = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text') }),
  z.strictObject({ type: z.literal('json_object') }),
  z.strictObject({
    type: z.literal('json_schema'),
    json_schema: z.strictObject({
      name: ToolName,
      description: z.string().optional(),
      schema: JsonSchema,
      strict: z.boolean().nullable().optional(),
    }),
  }),
]);
const Body = z.strictObject({
  model: z.string().min(1),
  messages: z.array(Message).min(1),
  stream: z.boolean().nullable().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional(), include_obfuscation: z.boolean().optional() }).optional(),
  max_tokens: z.int().min(1).optional(),
  max_completion_tokens: z.int().min(1).optional(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().min(0).max(1).optional(),
  frequency_penalty: z.number().min(-2).max(2).optional(),
  presence_penalty: z.number().min(-2).max(2).optional(),
  n: z.literal(1).optional(),
  seed: z.int().optional(),
  stop: z.union([z.string(), z.array(z.string()).min(1).max(4)]).optional(),
  user: z.string().optional(),
  store: z.boolean().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  response_format: ResponseFormat.optional(),
  tools: z.array(Tool).min(1).max(128).optional(),
  tool_choice: z
    .union([
      z.enum(['none', 'auto', 'required']),
      z.strictObject({ type: z.literal('function'), function: z.strictObject({ name: ToolName }) }),
    ])
    .optional(),
  parallel_tool_calls: z.boolean().optional(),
  reasoning_effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh']).optional(),
  verbosity: z.enum(['low', 'medium', 'high']).optional(),
  prompt_cache_key: z.string().optional(),
  safety_identifier: z.string().optional(),
  service_tier: z.string().optional(),
});
type Body = z.infer<typeof Body>;
type Message = z.infer<typeof Message>;

/** The credential of a chat-completions call, or null. */
export function readOpenAiKey(headers: IncomingHttpHeaders): string | null {
  return /^Bearer (\S+)$/.exec(headers.authorization ?? '')?.[1] ?? null;
}

/** Checks a chat-completions call as a strict server does; throws a `Refusal`. */
export function validateOpenAi(body: unknown, strictness: Strictness): PlainRequest {
  const parsed = Body.safeParse(withoutExtra(body, strictness.extraParameters));
  if (!parsed.success) refuseIssue(parsed.error.issues[0]!);
  const request = parsed.data;
  if (strictness.models !== undefined && !Object.hasOwn(strictness.models, request.model)) {
    throw new Refusal({
      status: 404,
      error: { message: `The model \`${request.model}\` does not exist or you do not have access to it.`, code: 'model_not_found' },
    });
  }
  checkMessages(request.messages, strictness.strictTemplate);
  checkParameters(request);
  return toPlain(request);
}

function withoutExtra(body: unknown, extra: readonly string[]): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return body;
  return Object.fromEntries(Object.entries(body).filter(([key]) => !extra.includes(key)));
}

function refuseIssue(issue: z.core.$ZodIssue): never {
  if (issue.code === 'unrecognized_keys' && issue.path.length === 0) {
    refuse(`Unrecognized request argument supplied: ${issue.keys.join(', ')}`);
  }
  const path = issue.path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('').slice(1);
  refuse(`Invalid value for '${path}': ${issue.message}.`, path);
}

function checkMessages(messages: readonly Message[], strictTemplate: boolean): void {
  let pending = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === 'tool') {
      if (!pending.delete(message.tool_call_id)) {
        refuse("messages with role 'tool' must be a response to a preceding message with 'tool_calls'.", `messages.[${index}].role`);
      }
      continue;
    }
    if (pending.size > 0) {
      refuse("An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'.");
    }
    if (message.role !== 'assistant') continue;
    pending = new Set(message.tool_calls?.map((call) => call.id));
    if (pending.size === 0 && (message.content ?? null) === null) {
      refuse(`Invalid value for 'content': expected a string, got null.`, `messages.[${index}].content`);
    }
  }
  if (pending.size > 0) refuse("An assistant message with 'tool_calls' must be followed by tool messages.");
  if (strictTemplate) checkTemplate(messages.map((message) => message.role));
}

function checkTemplate(roles: readonly string[]): void {
  const isSystem = (role: string | undefined) => role === 'system' || role === 'developer';
  const talk = isSystem(roles[0]) ? roles.slice(1) : roles;
  if (talk.some(isSystem)) refuse('System message must be at the beginning.', 'messages');
  // Tool results, and a user message right behind them, take the user's place in the alternation.
  const turns = talk.filter((role, index) => role === 'assistant' || talk[index - 1] !== 'tool');
  if (turns.some((role, index) => (role === 'assistant') !== (index % 2 === 1))) {
    refuse('Conversation roles must alternate user/assistant/user/assistant/...', 'messages');
  }
  if (talk.at(-1) === 'assistant') refuse('The last message must come from the user or a tool.', 'messages');
}

function checkParameters(request: Body): void {
  if (request.stream_options !== undefined && request.stream !== true) {
    refuse("The 'stream_options' parameter is only allowed when 'stream' is enabled.", 'stream_options');
  }
  if (request.max_tokens !== undefined && request.max_completion_tokens !== undefined) {
    refuse("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", 'max_tokens');
  }
  if (request.tools === undefined) {
    if (request.tool_choice !== undefined) refuse("'tool_choice' is only allowed when 'tools' are specified.", 'tool_choice');
    if (request.parallel_tool_calls !== undefined) refuse("'parallel_tool_calls' is only allowed when 'tools' are specified.");
  }
  const forced = forcedTool(request);
  if (forced !== null && !request.tools?.some((tool) => tool.function.name === forced)) {
    refuse(`Tool choice '${forced}' not found in 'tools' parameter.`, 'tool_choice');
  }
  for (const tool of request.tools ?? []) checkTool(tool.function);
  const format = request.response_format;
  if (format?.type === 'json_schema' && format.json_schema.strict === true) {
    requireStrictSchema(format.json_schema.name, format.json_schema.schema);
  }
  if (format?.type === 'json_object' && !/json/i.test(JSON.stringify(request.messages))) {
    refuse("'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", 'messages');
  }
}

function checkTool(tool: z.infer<typeof ToolFunction>): void {
  if (tool.parameters !== undefined && tool.parameters['type'] !== 'object') {
    refuse(`Invalid schema for function '${tool.name}': schema must be a JSON Schema of 'type: "object"'.`, 'tools');
  }
  if (tool.strict === true) requireStrictSchema(tool.name, tool.parameters);
}

function forcedTool(request: Body): string | null {
  if (typeof request.tool_choice === 'object') return request.tool_choice.function.name;
  return request.tool_choice === 'required' ? (request.tools?.[0]?.function.name ?? null) : null;
}

function toPlain(request: Body): PlainRequest {
  const messages = request.messages.map(toPlainMessage);
  const isSystem = (message: PlainMessage) => message.role === 'system' || message.role === 'developer';
  return {
    model: request.model,
    stream: request.stream === true,
    includeUsage: request.stream_options?.include_usage === true,
    system: messages.filter(isSystem).map((message) => message.text).join('\n'),
    messages: messages.filter((message) => !isSystem(message)),
    tools: request.tools?.map((tool) => tool.function.name) ?? [],
    forcedTool: forcedTool(request),
    responseFormat: request.response_format?.type ?? 'text',
    maxTokens: request.max_completion_tokens ?? request.max_tokens ?? null,
    temperature: request.temperature ?? null,
  };
}

function toPlainMessage({ role, content }: Message): PlainMessage {
  if (typeof content === 'string') return { role, text: content };
  return { role, text: (content ?? []).map((part) => (part.type === 'text' ? part.text : '')).join('') };
}
