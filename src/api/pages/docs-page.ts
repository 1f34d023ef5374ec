import { API_VERSION, JUPYTER_ROUTES, ROUTES, SSE_EVENT_TYPES } from '../../contracts/index.ts';

const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** The contract for people, without scripts and without any network. */
export function renderDocsPage(): string {
  const rows = [...ROUTES, ...JUPYTER_ROUTES].map((route) =>
    `<tr><td><code>${route.method}</code></td><td><code>${escape(route.path)}</code></td><td>${escape(route.summary)}</td><td>${route.auth}</td></tr>`);
  const events = SSE_EVENT_TYPES.map((type) => `<li><code>${escape(type)}</code></li>`);
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>sidecar ${API_VERSION}</title><link rel="stylesheet" href="/assets/docs.css"></head>
<body><h1>sidecar ${API_VERSION}</h1>
<p>The machine-readable form is <code>GET /openapi.json</code> (with a token). Errors are <code>{"detail", "code"}</code>.</p>
<table><thead><tr><th>method</th><th>path</th><th>what it does</th><th>class</th></tr></thead><tbody>
${rows.join('\n')}
</tbody></table>
<h2>Events</h2><ul>
${events.join('\n')}
</ul></body></html>
`;
}

export const DOCS_STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d8dee8;padding:.35rem .6rem;text-align:left}code{font-size:13px}
`;
