/** What a first look needs to know. `token` is null where the text may be kept: only a terminal is shown it. */
export interface FirstLook { url: string; token: string | null; sessionsDir: string; chapter: string; sessionId: string; model: string | null }

const HEADERS = '-H "authorization: Bearer $SIDECAR_TOKEN"';
const JSON_HEADER = "-H 'content-type: application/json'";

/** How to talk to the server, for people. `model` null = the offline tutor. Pure. */
export function renderFirstLook({ url, token, sessionsDir, chapter, sessionId, model }: FirstLook): string {
  const page = token === null ? `${url}/   (it asks for the token, which is in the first line on stdout)` : `${url}/#token=${token}`;
  const shown = token ?? '…';
  const session = `${url}/api/session/${sessionId}`;
  return `
sidecar runs at ${url} (sessions: ${sessionsDir})
${model === null ? 'The built-in offline tutor answers: rules, not a language model.' : `The model ${model} answers.`}

Open it in a browser:
  ${page}

Or talk to it in another terminal:
  SIDECAR_TOKEN=${shown} npm run -s sidecar -- chat --url ${url}

Or with curl:
  export SIDECAR_TOKEN=${shown}
  curl -s ${url}/api/session/new ${HEADERS} ${JSON_HEADER} \\
    -d '{"chapter_id": "${chapter}", "session_id": "${sessionId}"}'
  curl -sN ${session}/message/stream ${HEADERS} ${JSON_HEADER} \\
    -d '{"message": "Where do I start?"}'
  curl -s ${session}/dynamic_report ${HEADERS}
${model === null ? `
For a real model stop this and set, for example:
  LLM_PROVIDER=openai LLM_MODEL=… LLM_API_KEY=… npm start
  LLM_BASE_URL=http://127.0.0.1:11434/v1 LLM_MODEL=… npm start      (an OpenAI-compatible server on this machine)
` : ''}
Which guards hold on this machine when code runs, and what closes a gap:
  npm run -s sidecar -- doctor

Ctrl-C stops it.
`;
}
