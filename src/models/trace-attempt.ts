import { SpanStatusCode, trace, type Span } from '@opentelemetry/api';
import type { LedgerRow } from '../contracts/index.ts';
import type { ModelRequest } from './port.ts';

/** Starts the span of one attempt. Prompts are named by their hash only. */
export function startAttemptSpan(request: ModelRequest, facts: { provider: string; model: string; promptHash: string }): Span {
  return trace.getTracer('sidecar.models').startSpan(`chat ${facts.model}`, {
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': facts.provider,
      'gen_ai.request.model': facts.model,
      'gen_ai.request.max_tokens': request.maxOutputTokens,
      'gen_ai.agent.name': request.agent,
      'sidecar.purpose': request.purpose,
      'sidecar.prompt_hash': facts.promptHash,
    },
  });
}

/** Ends the span with what the ledger knows. */
export function endAttemptSpan(span: Span, row: LedgerRow): void {
  span.setAttributes({
    'gen_ai.usage.input_tokens': row.usage.input_tokens,
    'gen_ai.usage.output_tokens': row.usage.output_tokens,
    'gen_ai.response.finish_reasons': [row.finish],
    'sidecar.attempt': row.attempt,
  });
  if (row.error !== undefined) {
    span.setAttribute('error.type', row.error.kind);
    span.setStatus({ code: SpanStatusCode.ERROR });
  }
  span.end();
}
