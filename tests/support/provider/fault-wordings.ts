/** How services and servers say that a prompt does not fit; each is a 400 unless a status is given. */
export const CONTEXT_OVERFLOW_WORDINGS: readonly OverflowWording[] = [
  {
    source: 'chat completions',
    message: "This model's maximum context length is 8192 tokens. However, your messages resulted in 9041 tokens. Please reduce the length of the messages.",
    code: 'context_length_exceeded',
  },
  {
    source: 'chat completions, newer',
    message: 'Your input exceeds the context window of this model. Please adjust your input and try again.',
    code: 'context_length_exceeded',
  },
  { source: 'messages', message: 'prompt is too long: 210034 tokens > 200000 maximum' },
  {
    source: 'messages with max_tokens',
    message: 'input length and `max_tokens` exceed context limit: 190000 + 16000 > 200000, decrease input length or `max_tokens` and try again',
  },
  { source: 'messages, whole request', status: 413, message: 'Request exceeds the maximum size', type: 'request_too_large' },
  {
    source: 'vLLM',
    message:
      "This model's maximum context length is 4096 tokens. However, you requested 5096 tokens (4096 in the messages, 1000 in the completion). Please reduce the length of the messages or completion.",
    type: 'BadRequestError',
  },
  {
    source: 'llama.cpp',
    message: 'the request exceeds the available context size. try increasing the context size or enable context shift',
    type: 'exceed_context_size_error',
  },
  { source: 'DashScope', message: 'Range of input length should be [1, 30720]', code: 'invalid_parameter_error' },
  { source: 'Zhipu', message: 'Prompt exceeds max length', code: '1261' },
  { source: 'Moonshot', message: 'Invalid request: Your request exceeded model token limit: 8192' },
  { source: 'Gemini', message: 'The input token count (1200034) exceeds the maximum number of tokens allowed (1048576).' },
  { source: 'Mistral', message: 'Prompt contains 40012 tokens and 0 draft tokens, too large for model with 32768 maximum context length' },
  { source: 'Together', message: '`inputs` tokens + `max_new_tokens` must be <= 4097. Given: 4012 `inputs` tokens and 512 `max_new_tokens`' },
  { source: 'xAI', message: "This model's maximum prompt length is 131072 but the request contains 137812 tokens." },
  { source: 'Groq', message: 'Please reduce the length of the messages or completion.', code: 'context_length_exceeded' },
  { source: 'LM Studio', message: 'The number of tokens to keep from the initial prompt is greater than the context length.' },
];

/** One wording with where it comes from. */
export interface OverflowWording {
  readonly source: string;
  readonly message: string;
  readonly status?: number;
  readonly code?: string;
  readonly type?: string;
}

/** A proxy's page instead of an answer. */
export const HTML_PAGE = '<!doctype html><html><head><title>Sign in</title></head><body><h1>Please sign in to the network</h1></body></html>';
