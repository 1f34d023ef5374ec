import { z } from 'zod';
import type { IncomingHttpHeaders } from 'node:http';
import { Refusal, refuse } from './protocol.ts';
import type { PlainMessage, PlainRequest, Strictness } from './protocol.ts';

const CacheControl = z.strictObject({ type: z.literal('ephemeral'), ttl: z.enum(['5m', '1h']).optional() });
const cache = { cache_control: CacheControl.nullable().optional() };
const TextBlock = z.strictObject({
  type: z.literal('text'),
  text: z.string().regex(/\S/, 'text content blocks must contain non-whitespace text'),
  ...cache,
});
const ToolName = z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/);
const ToolUse = z.strictObject({
  type: z.literal('tool_use'),
  id: z.string().regex(/^[a-zA-Z0-9_-]+$/),
  name: ToolName,
  input: z.record(z.string(), z.unknown()),
  ...cache,
});
const ToolResult = z.strictObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string().min(1),
  content: z.union([z.string(), z.array(TextBlock)]).optional(),
  is_error: z.boolean().optional(),
  ...cache,
});
const Thinking = z.strictObject({ type: z.literal('thinking'), thinking: z.string(), signature: z.string().min(1) });
const Message = z.discriminatedUnion('role', [
  z.strictObject({
    role: z.literal('user'),
    content: z.union([z.string().regex(/\S/, 'must be non-empty'), z.array(z.union([TextBlock, ToolResult])).min(1)]),
  }),
  z.strictObject({
    role: z.literal('assistant'),
    content: z.union([z.string().regex(/\S/, 'must be non-empty'), z.array(z.union([TextBlock, ToolUse, Thinking])).min(1)]),
  }),
]);
type Message = z.infer<typeof Message>;
const Tool = z.strictObject({
  type: z.literal('custom').optional(),
  name: ToolName,
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal('object') }),
  strict: z.boolean().optional(),
  eager_input_streaming: z.boolean().optional(),
  ...cache,
});
const Body = z.strictObject({
  model: z.string().min(1),
  max_tokens: z.int({ error: (issue) => (issue.input === undefined ? 'Field required' : undefined) }).min(1),
  messages: z.array(Message).min(1, 'at least one message is required'),
  system: z.union([z.string().min(1), z.array(TextBlock).min(1)]).optional(),
  stream: z.boolean().optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.int().min(0).optional(),
  stop_sequences: z.array(z.string().regex(/\S/)).optional(),
  metadata: z.strictObject({ user_id: z.string().max(256).nullable().optional() }).optional(),
  service_tier: z.enum(['auto', 'standard_only']).optional(),
  tools: z.array(Tool).optional(),
  tool_choice: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('auto'), disable_parallel_tool_use: z.boolean().optional() }),
      z.strictObject({ type: z.literal('any'), disable_parallel_tool_use: z.boolean().optional() }),
      z.strictObject({ type: z.literal('tool'), name: ToolName, disable_parallel_tool_use: z.boolean().optional() }),
      z.strictObject({ type: z.literal('none') }),
    ])
    .optional(),
  thinking: z
    .discriminatedUnion('type', [
      z.strictObject({ type: z.literal('enabled'), budget_tokens: z.int().min(1024), display: z.string().optional() }),
      z.strictObject({ type: z.literal('adaptive'), display: z.string().optional() }),
      z.strictObject({ type: z.literal('disabled') }),
    ])
    .optional(),
  output_config: z
    .strictObject({
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).optional(),
      format: z.strictObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) }).optional(),
    })
    .optional(),
  ...cache,
});
type Body = z.infer<typeof Body>;

/** The credential of a messages call, or null. */
export function readAnthropicKey(headers: IncomingHttpHeaders): string | null {
  const key = headers['x-api-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

/** Checks a messages call as the real service does; throws a `Refusal`. */
export function validateAnthropic(body: unknown, strictness: Strictness, headers: IncomingHttpHeaders): PlainRequest {
  if (headers['anthropic-version'] === undefined) refuse('anthropic-version: header is required');
  if (headers['anthropic-version'] !== '2023-06-01') refuse(`anthropic-version: "${headers['anthropic-version']}" is not a valid version`);
  const parsed = Body.safeParse(body);
  if (!parsed.success) refuseIssue(parsed.error.issues[0]!);
  const request = parsed.data;
  if (strictness.models !== undefined && !Object.hasOwn(strictness.models, request.model)) {
    throw new Refusal({ status: 404, error: { message: `model: ${request.model}` } });
  }
  checkMessages(request.messages);
  checkParameters(request);
  return toPlain(request);
}

function refuseIssue(issue: z.core.$ZodIssue): never {
  const path = issue.path.join('.');
  if (issue.code === 'unrecognized_keys') refuse(`${[...issue.path, issue.keys[0]].join('.')}: Extra inputs are not permitted`);
  if (/^messages\.\d+\.role$/.test(path)) {
    refuse(`messages: Unexpected role. The Messages API accepts a top-level \`system\` parameter, not "system" as an input role.`);
  }
  refuse(`${path}: ${issue.message}`);
}

function checkMessages(messages: readonly Message[]): void {
  let pending = new Set<string>();
  for (const [index, message] of messages.entries()) {
    const expected = index % 2 === 0 ? 'user' : 'assistant';
    if (message.role !== expected) {
      refuse(
        index === 0
          ? 'messages: first message must use the "user" role'
          : `messages: roles must alternate between "user" and "assistant", but found multiple "${message.role}" roles in a row`,
      );
    }
    const blocks = typeof message.content === 'string' ? [] : message.content;
    const results = blocks.flatMap((block) => (block.type === 'tool_result' ? [block.tool_use_id] : []));
    const stray = results.find((id) => !pending.delete(id));
    if (stray !== undefined) refuse(`messages.${index}.content: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}`);
    if (pending.size > 0) refuse(`messages.${index}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after`);
    pending = new Set(blocks.flatMap((block) => (block.type === 'tool_use' ? [block.id] : [])));
  }
  if (messages.at(-1)?.role === 'assistant') {
    refuse('This model does not support assistant message prefill. The conversation must end with a user message.');
  }
}

function checkParameters(request: Body): void {
  const marks = JSON.stringify(request).match(/"cache_control":\{/g)?.length ?? 0;
  if (marks > 4) refuse(`A maximum of 4 blocks with cache_control may be provided. Found ${marks}.`);
  const forced = forcedTool(request);
  if (request.tool_choice !== undefined && request.tool_choice.type !== 'none' && (request.tools ?? []).length === 0) {
    refuse('tool_choice: may only be specified while providing tools');
  }
  if (forced !== null && !request.tools?.some((tool) => tool.name === forced)) refuse(`Tool '${forced}' not found in provided tools`);
  if (request.thinking?.type !== 'enabled') return;
  if (request.thinking.budget_tokens >= request.max_tokens) refuse('`max_tokens` must be greater than `thinking.budget_tokens`');
  if (request.temperature !== undefined && request.temperature !== 1) refuse('`temperature` may only be set to 1 when thinking is enabled');
  if (forced !== null) refuse('Thinking may not be enabled when tool_choice forces tool use.');
}

function forcedTool(request: Body): string | null {
  if (request.tool_choice?.type === 'tool') return request.tool_choice.name;
  return request.tool_choice?.type === 'any' ? (request.tools?.[0]?.name ?? null) : null;
}

function toPlain(request: Body): PlainRequest {
  const { system = '' } = request;
  return {
    model: request.model,
    stream: request.stream === true,
    includeUsage: true,
    system: typeof system === 'string' ? system : system.map((block) => block.text).join('\n'),
    messages: request.messages.map(toPlainMessage),
    tools: request.tools?.map((tool) => tool.name) ?? [],
    forcedTool: forcedTool(request),
    responseFormat: request.output_config?.format === undefined ? 'text' : 'json_schema',
    maxTokens: request.max_tokens,
    temperature: request.temperature ?? null,
  };
}

function toPlainMessage({ role, content }: Message): PlainMessage {
  if (typeof content === 'string') return { role, text: content };
  const texts = content.map((block) => {
    if (block.type === 'text') return block.text;
    if (block.type !== 'tool_result') return '';
    return typeof block.content === 'string' ? block.content : (block.content ?? []).map((part) => part.text).join('');
  });
  return { role, text: texts.join('') };
}
