import type { AdapterCall } from '../adapter-port.ts';

type Body = Readonly<Record<string, unknown>>;

/** The request body as this endpoint takes it, made from the body that the library wrote. */
export function shapeBody(body: Body, call: AdapterCall): Record<string, unknown> {
  return call.endpoint.provider === 'anthropic' ? shapeMessages(body, call) : shapeChat(body, call);
}

/** The tool that carries a structured answer. */
export function structureToolName(call: Pick<AdapterCall, 'request'>): string {
  return (call.request.structure?.name ?? 'answer').replaceAll(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64);
}

function shapeChat(body: Body, call: AdapterCall): Record<string, unknown> {
  const { max_tokens: limit, tool_choice: _choice, temperature: _temperature, ...rest } = body;
  const { shape, endpoint } = call;
  const forced = forcedTool(call);
  return {
    ...rest,
    [shape.tokenParameter]: limit,
    ...(shape.sendsTemperature && endpoint.temperature !== null ? { temperature: endpoint.temperature } : {}),
    ...(shape.sendsStreamOptions ? { stream_options: { include_usage: true } } : {}),
    ...shape.extra,
    ...responseFormat(call),
    ...(body['tools'] === undefined ? {} : { tool_choice: forced === null ? 'auto' : forced === '' ? 'required' : named(forced) }),
  };
}

function shapeMessages(body: Body, call: AdapterCall): Record<string, unknown> {
  const { tool_choice: _choice, temperature: _temperature, ...rest } = body;
  const { shape, endpoint } = call;
  const forced = forcedTool(call);
  const choice = forced === null ? { type: 'auto' } : forced === '' ? { type: 'any' } : { type: 'tool', name: forced };
  return {
    ...rest,
    ...(shape.sendsTemperature && endpoint.temperature !== null ? { temperature: Math.min(1, endpoint.temperature) } : {}),
    ...shape.extra,
    ...(body['tools'] === undefined ? {} : { tool_choice: choice }),
  };
}

/** The tool the model must call: a name, `''` for any, null for none. */
function forcedTool(call: AdapterCall): string | null {
  if (call.rung === 'tool') return structureToolName(call);
  const { toolChoice = 'auto' } = call.request;
  if (toolChoice === 'auto') return null;
  return toolChoice === 'required' ? '' : toolChoice.name;
}

function named(name: string): object {
  return { type: 'function', function: { name } };
}

function responseFormat(call: AdapterCall): object {
  const { structure } = call.request;
  if (structure === undefined || call.rung === null) return {};
  if (call.rung === 'json_object') return { response_format: { type: 'json_object' } };
  if (call.rung !== 'json_schema') return {};
  // Strict mode would demand closed schemas without optional fields; our reader checks the answer anyway.
  return {
    response_format: { type: 'json_schema', json_schema: { name: structureToolName(call), schema: structure.schema, strict: false } },
  };
}
