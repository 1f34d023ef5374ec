// Small helpers over the DOM. Text always enters as text nodes; nothing here, or elsewhere in the workbench, sets innerHTML.

/** Makes an element. Attributes: `on…` functions become listeners, true/false set or leave out, the rest are strings. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? '' : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The element of the page with this id; its absence is a defect of index.html. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

/** Replaces what an element holds. */
export function fill(element, ...children) {
  element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** A button with a text. */
export function button(label, onclick, attributes = {}) {
  return h('button', { type: 'button', ...attributes, onclick }, label);
}

/** DOM of a tree that `parseMarkdown` made. Links open apart and tell nothing about this page. */
export function fromTree(nodes) {
  const fragment = document.createDocumentFragment();
  for (const node of nodes) {
    if (typeof node === 'string') {
      fragment.append(node);
      continue;
    }
    const element = document.createElement(node.tag);
    if (node.href !== undefined) {
      element.setAttribute('href', node.href);
      element.setAttribute('target', '_blank');
      element.setAttribute('rel', 'noopener noreferrer');
    }
    if (node.start !== undefined) element.setAttribute('start', String(node.start));
    if (node.language !== undefined) element.dataset.language = node.language;
    element.append(fromTree(node.children));
    fragment.append(element);
  }
  return fragment;
}

/** A note that says what is missing or went wrong, in words. */
export function callout(kind, title, ...body) {
  return h('div', { class: `callout ${kind}`, role: kind === 'error' ? 'alert' : 'note' }, h('span', {}, h('strong', {}, title), ...body));
}

/** The text as a sentence of its own: first letter large, a full stop at the end. */
export function sentence(text) {
  const whole = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?。！？…]$/.test(whole) ? whole : `${whole}.`;
}

/** Shows what a refused request said; `code` is what support asks for. */
export function errorCallout(error, ...more) {
  const code = error.code === undefined ? null : h('code', { class: 'code-tag' }, error.code);
  return callout('error', sentence(error.message), ' ', code, ...more);
}

/** Asks in a modal dialog. Resolves with the fields' values, or null when the person turned it down. */
export function ask({ title, text, fields = [], confirm = 'OK', danger = false }) {
  return new Promise((resolve) => {
    const inputs = fields.map((field) => makeField(field));
    const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title' });
    let answer = null;
    const form = h('form', {
      method: 'dialog',
      onsubmit: () => { answer = Object.fromEntries(inputs.map(({ name, input }) => [name, input.value])); },
    },
    h('h2', { id: 'dialog-title' }, title),
    text === undefined ? null : h('p', {}, text),
    inputs.map(({ row }) => row),
    h('div', { class: 'row end' },
      button('Cancel', () => dialog.close(), { class: 'quiet' }),
      h('button', { type: 'submit', class: danger ? 'danger' : 'primary' }, confirm)));
    dialog.append(form);
    dialog.addEventListener('close', () => {
      dialog.remove();
      resolve(answer);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

function makeField({ name, label, value = '', options, multiline = false, required = false, maxlength }) {
  const id = `field-${name}`;
  const input = options !== undefined
    ? h('select', { id }, options.map((option) => h('option', { value: option.value }, option.label)))
    : h(multiline ? 'textarea' : 'input', { id, required, maxlength, rows: multiline ? 3 : null, autocomplete: 'off' });
  if (options === undefined) input.value = value;
  return { name, input, row: h('div', { class: 'field' }, h('label', { for: id }, label), input) };
}

/** A multi-line code field: Tab indents, Escape then Tab leaves, as the hint for keyboards says. */
export function codeField({ label, value = '', rows = 10, oninput, onrun }) {
  const area = h('textarea', { class: 'code-field', 'aria-label': label, spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', rows, wrap: 'off' });
  area.value = value;
  let isLeaving = false;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') isLeaving = true;
    else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey || event.shiftKey) && onrun !== undefined) {
      event.preventDefault();
      onrun();
    } else if (event.key === 'Tab' && !event.shiftKey && !isLeaving) {
      event.preventDefault();
      area.setRangeText('    ', area.selectionStart, area.selectionEnd, 'end');
      area.dispatchEvent(new Event('input'));
    } else if (event.key !== 'Tab') isLeaving = false;
  });
  area.addEventListener('blur', () => { isLeaving = false; });
  if (oninput !== undefined) area.addEventListener('input', oninput);
  return area;
}

/** `1 234` bytes as people read them. */
export function formatBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${(bytes / 1024).toFixed(1)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

/** Hour and minute of today, else the day. */
export function formatTime(iso) {
  const date = new Date(iso);
  const isToday = date.toDateString() === new Date().toDateString();
  return isToday
    ? date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : date.toLocaleDateString([], { day: 'numeric', month: 'short' });
}

/** Saves bytes under a name, through the browser's own dialog. */
export function saveBlob(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
