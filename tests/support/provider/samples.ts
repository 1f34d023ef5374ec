/** The key of the samples. */
export const KEY = 'sk-test-4711';

/** Text with characters of one to four bytes. */
export const CONTENT = '你好 🙂 — let us look at “x”.\nDone ✅';

/** Where each protocol is spoken. */
export const PATHS = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;

/** Complete headers of each protocol. */
export const HEADERS = {
  openai: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
  anthropic: { 'x-api-key': KEY, 'anthropic-version': '2023-06-01', 'content-type': 'application/json' },
} as const;

/** A valid streamed chat-completions call. */
export const openaiBody = (extra: object = {}) => ({
  model: 'ca-model',
  messages: [{ role: 'system', content: 'rules' }, { role: 'user', content: 'hello' }],
  stream: true,
  stream_options: { include_usage: true },
  max_tokens: 100,
  ...extra,
});

/** A valid streamed messages call. */
export const anthropicBody = (extra: object = {}) => ({
  model: 'ca-model',
  system: [{ type: 'text', text: 'rules', cache_control: { type: 'ephemeral' } }],
  messages: [{ role: 'user', content: [{ type: 'text', text: 'hello' }] }],
  stream: true,
  max_tokens: 100,
  ...extra,
});

/** The valid body of each protocol. */
export const BODIES = { openai: openaiBody, anthropic: anthropicBody };

/** Answer text by the rules of the protocol; comments and pings are skipped, broken JSON throws. */
export function readText(body: string): string {
  const events = body.split(/\r?\n\r?\n/).flatMap((block) => block.split(/\r?\n/).filter((line) => line.startsWith('data: ')));
  return events
    .map((line) => line.slice(6))
    .filter((json) => json !== '[DONE]')
    .map((json) => JSON.parse(json))
    .map((event) => event.choices?.[0]?.delta?.content ?? (event.delta?.type === 'text_delta' ? event.delta.text : ''))
    .join('');
}
