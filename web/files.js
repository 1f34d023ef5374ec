// The session's workspace: list, open, edit, save (never over somebody else's change), upload, move and delete.
import { filePath, sessionPath } from './api.js';
import { ask, button, byId, callout, codeField, errorCallout, fill, formatBytes, h, saveBlob } from './dom.js';

const IMAGE = /\.(png|jpe?g|gif|webp|bmp)$/i;

/** The files panel. `hooks`: onRun(name), onNotebook(name), onListed(names). */
export class FilesPanel {
  #api;
  #hooks;
  #sessionId = null;
  #open = null;
  #list = h('ul', { class: 'file-list plain' });
  #uploads = h('ul', { class: 'file-list plain' });
  #editor = h('div', { class: 'editor' });
  #message = h('div', { role: 'status' });

  constructor({ api, hooks }) {
    this.#api = api;
    this.#hooks = hooks;
    const picker = h('input', { type: 'file', multiple: true, class: 'visually-hidden', id: 'upload-picker', onchange: (event) => void this.#upload(event.target) });
    fill(byId('panel-files'),
      h('div', { class: 'row' }, h('h2', { class: 'grow' }, 'Workspace'), button('New file', () => void this.#create(), { class: 'quiet' }), button('Refresh', () => void this.refresh(), { class: 'quiet' })),
      this.#message, this.#list, this.#editor,
      h('div', { class: 'row' }, h('h2', { class: 'grow' }, 'Data files'), picker, h('label', { for: 'upload-picker', class: 'button quiet' }, 'Upload')),
      h('p', { class: 'muted small' }, 'Code opens these by their bare name.'), this.#uploads);
  }

  /** Shows another session's files; null for none. */
  async show(sessionId) {
    this.#sessionId = sessionId;
    this.#open = null;
    fill(this.#editor);
    fill(this.#message);
    await this.refresh();
  }

  async refresh() {
    const id = this.#sessionId;
    if (id === null) {
      fill(this.#list, h('li', { class: 'empty muted' }, 'Open a session to see its files.'));
      fill(this.#uploads);
      return;
    }
    await this.#guarded(async () => {
      const [{ files }, uploads] = await Promise.all([this.#api.get(sessionPath(id, '/workspace/files')), this.#api.get(sessionPath(id, '/files'))]);
      if (id !== this.#sessionId) return;
      fill(this.#list, files.length === 0 ? h('li', { class: 'empty muted' }, 'No files yet.') : files.map((file) => this.#row(file)));
      fill(this.#uploads, uploads.files.length === 0 ? h('li', { class: 'empty muted' }, 'No data files.') : uploads.files.map((file) => this.#uploadRow(file)));
      this.#hooks.onListed(files.map(({ name }) => name));
    });
  }

  #row(file) {
    const isOpen = this.#open?.name === file.name;
    return h('li', { class: isOpen ? 'current' : '' },
      h('button', { type: 'button', class: 'file-name', 'aria-current': isOpen ? 'true' : null, onclick: () => void this.#openFile(file.name) }, file.name),
      h('span', { class: 'muted small' }, `${file.source === 'user' ? 'yours' : 'course'}, ${formatBytes(file.size_bytes)}`));
  }

  #uploadRow(file) {
    const remove = file.origin === 'upload'
      ? button('Delete', () => void this.#removeUpload(file.filename), { class: 'quiet small', 'aria-label': `Delete ${file.filename}` }) : null;
    return h('li', {}, h('span', { class: 'file-name' }, file.filename), h('span', { class: 'muted small' }, `${file.origin === 'upload' ? 'upload' : 'course'}, ${formatBytes(file.size)}`), remove);
  }

  async #openFile(name) {
    if (this.#open?.isChanged === true && await ask({ title: `Leave ${this.#open.name}?`, text: 'Its changes are not saved.', confirm: 'Leave' }) === null) return;
    await this.#guarded(async () => {
      if (IMAGE.test(name)) {
        const url = URL.createObjectURL(await this.#api.blob(`${filePath(this.#sessionId, name)}?raw=true`));
        this.#open = { name, isChanged: false };
        fill(this.#editor, this.#toolbar([]), h('img', { src: url, alt: name, class: 'figure', onload: () => URL.revokeObjectURL(url) }));
      } else {
        const { body, etag } = await this.#api.getTagged(filePath(this.#sessionId, name));
        this.#open = { name, etag, isChanged: false };
        this.#drawEditor(body);
      }
      await this.refresh();
    });
  }

  #drawEditor(file) {
    if (file.encoding !== 'utf-8') {
      fill(this.#editor, this.#toolbar([]), callout('note', 'Not a text file.', ` ${formatBytes(file.size_bytes)}; download it to look inside.`));
      return;
    }
    const note = h('span', { class: 'muted small', role: 'status' });
    const area = codeField({
      label: `Text of ${file.name}`, value: file.content, rows: 16,
      oninput: () => { this.#open.isChanged = true; note.textContent = 'not saved'; },
    });
    area.addEventListener('keydown', (event) => {
      if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void this.#save(area, note);
    });
    const actions = [button('Save', () => void this.#save(area, note), { class: 'primary' })];
    if (file.name.endsWith('.py')) actions.push(button('Run', async () => { if (await this.#save(area, note)) this.#hooks.onRun(file.name); }));
    if (file.name.endsWith('.ipynb')) actions.push(button('Open as notebook', () => this.#hooks.onNotebook(file.name)));
    fill(this.#editor, this.#toolbar([...actions, note]), area, h('p', { class: 'muted small' }, 'Ctrl+S saves. Tab indents; Escape, then Tab, moves on.'));
  }

  #toolbar(actions) {
    const { name } = this.#open;
    return h('div', { class: 'row wrap' }, h('strong', { class: 'full' }, name), ...actions, h('span', { class: 'grow' }),
      button('Download', () => void this.#guarded(async () => saveBlob(await this.#api.blob(`${filePath(this.#sessionId, name)}?raw=true`), name.split('/').at(-1))), { class: 'quiet' }),
      button('Rename', () => void this.#rename(), { class: 'quiet' }), button('Delete', () => void this.#remove(), { class: 'quiet' }));
  }

  /** Saves unless the file changed meanwhile; then the person decides. True when the text on disk is the text shown. */
  async #save(area, note) {
    const open = this.#open;
    if (!open.isChanged) return true;
    const path = filePath(this.#sessionId, open.name);
    const put = (headers) => this.#api.put(path, { content: area.value }, headers);
    const isSaved = await this.#guarded(async () => {
      try {
        await put({ 'if-match': open.etag });
      } catch (error) {
        if (error.code !== 'PRECONDITION_FAILED') throw error;
        const choice = await ask({ title: `${open.name} has changed meanwhile`, text: 'Saving now replaces the other version.', confirm: 'Replace it', danger: true });
        if (choice === null) return false;
        await put({});
      }
      open.etag = (await this.#api.getTagged(path)).etag;
      open.isChanged = false;
      note.textContent = 'saved';
      await this.refresh();
      return true;
    });
    return isSaved === true;
  }

  async #create() {
    if (this.#sessionId === null) return;
    const answer = await ask({ title: 'New file', confirm: 'Create', fields: [{ name: 'name', label: 'Name, with folders if you like', value: 'notes.py', required: true }] });
    if (answer === null) return;
    await this.#guarded(async () => {
      const { files } = await this.#api.get(sessionPath(this.#sessionId, '/workspace/files'));
      if (!files.some(({ name }) => name === answer.name)) await this.#api.put(filePath(this.#sessionId, answer.name), { content: '' });
      await this.#openFile(answer.name);
    });
  }

  async #rename() {
    const from = this.#open.name;
    const answer = await ask({ title: `Rename ${from}`, confirm: 'Rename', fields: [{ name: 'to', label: 'New name', value: from, required: true }] });
    if (answer === null || answer.to === from) return;
    await this.#guarded(async () => {
      await this.#api.post(sessionPath(this.#sessionId, '/workspace/move'), { from, to: answer.to });
      await this.#openFile(answer.to);
    });
  }

  async #remove() {
    const { name } = this.#open;
    if (await ask({ title: `Delete ${name}?`, confirm: 'Delete', danger: true }) === null) return;
    await this.#guarded(async () => {
      await this.#api.remove(filePath(this.#sessionId, name));
      this.#open = null;
      fill(this.#editor);
      await this.refresh();
    });
  }

  async #upload(picker) {
    const files = [...picker.files];
    picker.value = '';
    if (files.length === 0 || this.#sessionId === null) return;
    await this.#guarded(async () => {
      await this.#api.upload(sessionPath(this.#sessionId, '/upload'), files);
      await this.refresh();
    });
  }

  async #removeUpload(name) {
    await this.#guarded(async () => {
      await this.#api.remove(sessionPath(this.#sessionId, `/files/${encodeURIComponent(name)}`));
      await this.refresh();
    });
  }

  async #guarded(work) {
    try {
      fill(this.#message);
      return await work();
    } catch (error) {
      fill(this.#message, errorCallout(error));
      return undefined;
    }
  }
}
