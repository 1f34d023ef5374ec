// What code shows: text, errors, figures, files and rich results. Foreign HTML is only ever shown in a sandboxed frame of its own origin.
import { filePath } from './api.js';
import { button, formatBytes, fromTree, h, saveBlob } from './dom.js';
import { parseMarkdown } from './markdown.js';

// Terminal sequences: colours and cursor moves that a page cannot show.
// oxlint-disable-next-line no-control-regex
const TERMINAL = /\u001B(?:\[[0-9;?]*[A-Za-z]|\][^\u0007]*\u0007)/g;
const MIME_ORDER = ['text/html', 'image/svg+xml', 'image/png', 'image/jpeg', 'image/gif', 'text/markdown', 'application/json', 'text/plain'];
// Styles are blocked in the frame, attributes are not; the first of two equal attributes counts.
const PLAIN_TABLE = '<table border="0" rules="rows" cellspacing="0" cellpadding="5"';
const FRAME_ROW_PX = 24;
const FRAME_MAX_PX = 420;

/** Text without terminal sequences. */
export const plainText = (text) => text.replaceAll(TERMINAL, '');

/** nbformat keeps text as one string or as lines. */
export const joined = (text) => (Array.isArray(text) ? text.join('') : String(text ?? ''));

/** A frame that can run no script, has no origin and reaches nothing; its page is this text alone. */
export function htmlFrame(html) {
  const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
  const colours = isDark ? 'bgcolor="#1d2227" text="#e4e7ea"' : 'bgcolor="#ffffff" text="#1d2430"';
  const page = `<!doctype html><html><head><meta charset="utf-8"></head><body ${colours}><font face="system-ui, sans-serif" size="2">${html.replaceAll(/<table\b/gi, PLAIN_TABLE)}</font></body></html>`;
  const url = URL.createObjectURL(new Blob([page], { type: 'text/html' }));
  const frame = h('iframe', { sandbox: '', src: url, title: 'HTML output', class: 'html-frame', referrerpolicy: 'no-referrer', onload: () => URL.revokeObjectURL(url) });
  const rows = (html.match(/<(tr|p|li|div|br)\b/gi) ?? []).length;
  frame.style.height = `${Math.min(FRAME_MAX_PX, Math.max(64, (rows + 1) * FRAME_ROW_PX + 24))}px`;
  return frame;
}

const svgImage = (text) => {
  const url = URL.createObjectURL(new Blob([text], { type: 'image/svg+xml' }));
  return h('img', { src: url, alt: 'Figure', class: 'figure', onload: () => URL.revokeObjectURL(url) });
};

const RENDER = {
  'text/html': (value) => htmlFrame(joined(value)),
  'image/svg+xml': (value) => svgImage(joined(value)),
  'text/markdown': (value) => h('div', { class: 'prose' }, fromTree(parseMarkdown(joined(value)))),
  'application/json': (value) => h('pre', { class: 'out' }, JSON.stringify(value, null, 2)),
  'text/plain': (value) => h('pre', { class: 'out' }, plainText(joined(value))),
};
const bitmap = (mime) => (value) => h('img', { src: `data:${mime};base64,${joined(value).replaceAll(/\s/g, '')}`, alt: 'Figure', class: 'figure' });
for (const mime of ['image/png', 'image/jpeg', 'image/gif']) RENDER[mime] = bitmap(mime);

/** One output of a cell, as nbformat describes it. */
export function drawOutput(output) {
  if (output.output_type === 'stream') return h('pre', { class: `out ${output.name === 'stderr' ? 'stderr' : ''}` }, plainText(joined(output.text)));
  if (output.output_type === 'error') {
    const lines = (output.traceback ?? []).length > 0 ? joined(output.traceback.join('\n')) : `${output.ename}: ${output.evalue}`;
    return h('pre', { class: 'out stderr' }, plainText(lines));
  }
  const mime = MIME_ORDER.find((type) => output.data?.[type] !== undefined);
  return mime === undefined ? h('p', { class: 'muted small' }, 'This output has no form that can be shown here.') : RENDER[mime](output.data[mime]);
}

/** The outputs of a cell after one more event: neighbours of one stream grow together, displays are replaced, `clear` may wait. */
export function applyOutput({ outputs, willClear }, event) {
  if (event.clear === true) return event.wait === true ? { outputs, willClear: true } : { outputs: [], willClear: false };
  if (event.update === true) {
    return { willClear, outputs: outputs.map((output) => (output.transient?.display_id === event.display_id ? { ...output, ...event.output, transient: output.transient } : output)) };
  }
  if (event.output === undefined) return { outputs, willClear };
  const kept = willClear ? [] : outputs;
  const output = event.display_id === undefined ? event.output : { ...event.output, transient: { display_id: event.display_id } };
  const last = kept.at(-1);
  if (output.output_type === 'stream' && last?.output_type === 'stream' && last.name === output.name) {
    return { outputs: [...kept.slice(0, -1), { ...last, text: joined(last.text) + joined(output.text) }], willClear: false };
  }
  return { outputs: [...kept, output], willClear: false };
}

/** Figures and files of a run; figures are fetched with the token and shown in place. */
export function drawArtifacts({ api, sessionId, artifacts }) {
  const figures = artifacts.filter(({ kind, mime }) => kind === 'figure' || mime.startsWith('image/'));
  const files = artifacts.filter((artifact) => !figures.includes(artifact));
  const fetchRaw = (path) => api.blob(`${filePath(sessionId, path)}?raw=true`);
  return [
    ...figures.map(({ path }) => {
      const image = h('img', { alt: `Figure ${path.split('/').at(-1)}`, class: 'figure', onload: () => URL.revokeObjectURL(image.src) });
      const show = async () => { image.src = URL.createObjectURL(await fetchRaw(path)); };
      show().catch(() => image.replaceWith(h('p', { class: 'muted small' }, `${path} cannot be read.`)));
      return image;
    }),
    files.length === 0 ? null : h('ul', { class: 'file-list plain' }, files.map(({ path, size_bytes }) => h('li', {},
      button(path, () => void fetchRaw(path).then((blob) => saveBlob(blob, path.split('/').at(-1)), () => undefined), { class: 'file-name' }), h('span', { class: 'muted small' }, formatBytes(size_bytes))))),
  ];
}
