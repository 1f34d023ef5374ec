import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cpuMs } from '../support/cpu-time.ts';

const web = join(import.meta.dirname, '..', '..', 'web');
const load = async (name: string): Promise<any> => await import(/* @vite-ignore */ pathToFileURL(join(web, name)).href);
const { TAGS, parseMarkdown, safeAddress } = await load('markdown.js');
const { createFrameGate, createSseParser, readEvents } = await load('sse.js');

type Tree = string | { tag: string; children: Tree[]; href?: string; start?: number; language?: string };

const textOf = (tree: Tree): string => (typeof tree === 'string' ? tree : tree.children.map(textOf).join(''));
const elementsOf = (tree: Tree): Exclude<Tree, string>[] => (typeof tree === 'string' ? [] : [tree, ...tree.children.flatMap(elementsOf)]);
const all = (text: string) => (parseMarkdown(text) as Tree[]).flatMap(elementsOf);
const hrefs = (text: string) => all(text).flatMap(({ href }) => href ?? []);
const p = (...children: Tree[]) => ({ tag: 'p', children });

describe('Markdown of answers', () => {
  it.each<[string, string, Tree[]]>([
    ['a paragraph', 'one\ntwo\n\nthree', [p('one\ntwo'), p('three')]],
    ['a heading, two levels below the page\'s own', '# Title', [{ tag: 'h3', children: ['Title'] }]],
    ['headings that begin at the second level', '## A\n\n### B', [{ tag: 'h3', children: ['A'] }, { tag: 'h4', children: ['B'] }]],
    ['bold, italic and code', '**b** *i* `c`', [p({ tag: 'strong', children: ['b'] }, ' ', { tag: 'em', children: ['i'] }, ' ', { tag: 'code', children: ['c'] })]],
    ['names with underscores', 'snake_case_name', [p('snake_case_name')]],
    ['arithmetic', '2 * 3 * 4', [p('2 * 3 * 4')]],
    ['a list in a list', '- a\n  - b\n- c', [{ tag: 'ul', children: [
      { tag: 'li', children: ['a', { tag: 'ul', children: [{ tag: 'li', children: ['b'] }] }] }, { tag: 'li', children: ['c'] }] }]],
    ['a list that starts at three', '3. c\n4. d', [{ tag: 'ol', start: 3, children: [{ tag: 'li', children: ['c'] }, { tag: 'li', children: ['d'] }] }]],
    ['a list right after a line', 'Do this:\n- a', [p('Do this:'), { tag: 'ul', children: [{ tag: 'li', children: ['a'] }] }]],
    ['a code block with its language', '```python\nx = 1 < 2\n\ny\n```\nend', [
      { tag: 'pre', language: 'python', children: [{ tag: 'code', children: ['x = 1 < 2\n\ny'] }] }, p('end')]],
    ['a code block that still streams in', '```\nx = 1', [{ tag: 'pre', children: [{ tag: 'code', children: ['x = 1'] }] }]],
    ['a table', '| a | b |\n|---|---|\n| 1 | `2` |', [{ tag: 'table', children: [
      { tag: 'thead', children: [{ tag: 'tr', children: [{ tag: 'th', children: ['a'] }, { tag: 'th', children: ['b'] }] }] },
      { tag: 'tbody', children: [{ tag: 'tr', children: [{ tag: 'td', children: ['1'] }, { tag: 'td', children: [{ tag: 'code', children: ['2'] }] }] }] }] }]],
    ['a quotation and a rule', '> said\n\n---', [{ tag: 'blockquote', children: [p('said')] }, { tag: 'hr', children: [] }]],
    ['an escaped star', '\\*no\\*', [p('*', 'no', '*')]],
    ['a link', '[docs](https://example.org/a?b=1)', [p({ tag: 'a', href: 'https://example.org/a?b=1', children: ['docs'] })]],
    ['a bare address, without the full stop', 'see https://example.org/x.', [p('see ', { tag: 'a', href: 'https://example.org/x', children: ['https://example.org/x'] }, '.')]],
  ])('reads %s', (_title, text, tree) => {
    expect(parseMarkdown(text)).toEqual(tree);
  });

  it.each([
    '<script>alert(1)</script>', '<img src=x onerror=alert(1)>', '<svg/onload=alert(1)>', '<iframe srcdoc="<script>x</script>"></iframe>',
    '`<b>`', '**<u>x</u>**', '# <style>*{}</style>', '| <a onclick=x> |\n|---|\n| <b> |', '```\n</code></pre><script>x</script>\n```',
    '<a href="javascript:alert(1)">x</a>', '&lt;script&gt;',
  ])('keeps %j as text', (text) => {
    const letters = (value: string) => value.replaceAll(/[^A-Za-z<>&;()="']/g, '');
    const shown = (parseMarkdown(text) as Tree[]).map(textOf).join('');

    expect(all(text).filter(({ tag }) => !TAGS.includes(tag))).toEqual([]);
    expect(letters(text)).toContain(letters(shown));
    expect(shown).toMatch(/[<&]/);
  });

  it.each([
    'javascript:alert(1)', 'JaVaScRiPt:alert(1)', ' javascript:alert(1)', 'java\tscript:alert(1)', 'data:text/html,<script>x</script>', 'vbscript:x',
    'file:///etc/passwd', 'blob:http://127.0.0.1/x', '//evil.example', '/api/sessions', '#token=x', 'http:evil', 'https://user:secret@evil.example/',
    'http://', 'https://[bad',
  ])('makes no link of %j', (address) => {
    expect(safeAddress(address)).toBeNull();
    expect(hrefs(`[x](${address}) ![x](${address})`)).toEqual([]);
  });

  it('turns an image into a link, so that nothing is loaded', () => {
    expect(parseMarkdown('![plot](https://example.org/p.png)')).toEqual([p({ tag: 'a', href: 'https://example.org/p.png', children: ['plot'] })]);
  });

  const piece = fc.oneof(
    fc.constantFrom('*', '**', '_', '`', '```', '\n', '\n\n', '- ', '1. ', '> ', '| ', '|---|', '# ', '[', '](', ')', '!', '<', '>', '"', '\\',
      'https://a.example/', 'javascript:', '<script>', ' onerror=', '数', '😀', '  '),
    fc.string({ maxLength: 6 }));
  const anyText = fc.array(piece, { maxLength: 60 }).map((pieces) => pieces.join(''));

  it('makes only listed tags and http(s) links, of any text and of any beginning of it', () => {
    fc.assert(fc.property(anyText, fc.nat({ max: 200 }), (text, cut) => {
      for (const input of [text, text.slice(0, cut)]) {
        const elements = all(input);
        expect(elements.every(({ tag }) => TAGS.includes(tag))).toBe(true);
        expect(elements.every((element) => Object.keys(element).every((key) => ['tag', 'children', 'href', 'start', 'language'].includes(key)))).toBe(true);
        expect(elements.every(({ tag, href }) => (href === undefined ? tag !== 'a' : tag === 'a' && /^https?:\/\//.test(href)))).toBe(true);
        expect(elements.every(({ language }) => language === undefined || /^[\w+#.-]+$/.test(language))).toBe(true);
      }
    }));
  });

  it.each(['*', '**a', '`', '[', '](', '> ', '- ', '| ', '  \n', '![a](', 'https://', '\\', '_a_', '<'])('reads a long run of %j in bounded time', (part) => {
    const before = cpuMs();
    parseMarkdown(part.repeat(20_000 / part.length));

    expect(cpuMs() - before).toBeLessThan(1500);
  });
});

describe('the event stream', () => {
  const parse = (pieces: readonly string[]) => {
    const frames: unknown[] = [];
    const push = createSseParser((frame: unknown) => frames.push(frame));
    for (const text of pieces) push(text);
    return frames;
  };

  it.each<[string, string, unknown[]]>([
    ['a frame of ours', 'id: 1.2\ndata: {"type": "start"}\n\n', [{ id: '1.2', data: '{"type": "start"}' }]],
    ['comments and retry as nothing', ': ping\n\nretry: 1000\n\nid: 1\ndata: a\n\n', [{ id: '1', data: 'a' }]],
    ['data of several lines', 'data: a\ndata: b\n\n', [{ id: undefined, data: 'a\nb' }]],
    ['no space after the colon', 'data:a\nid:7\n\n', [{ id: '7', data: 'a' }]],
    ['CR LF and CR alone', 'data: a\r\n\r\ndata: b\r\r', [{ id: undefined, data: 'a' }]],
    ['a frame without its end as nothing', 'data: a\n', []],
    ['an id with NUL as none', 'id: 1\u00002\ndata: a\n\n', [{ id: undefined, data: 'a' }]],
  ])('reads %s', (_title, text, frames) => {
    expect(parse([text])).toEqual(frames);
  });

  it('gives the same frames wherever the text is cut', () => {
    const line = fc.constantFrom('id: 1.1', 'data: x', 'data: {"type":"a","content":"数😀"}', ': ping', '', 'data', 'event: e');
    fc.assert(fc.property(fc.array(line), fc.constantFrom('\n', '\r\n'), fc.array(fc.nat({ max: 300 })), (lines, ending, cuts) => {
      const text = lines.map((part) => part + ending).join('');
      const places = [0, ...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length];
      const pieces = places.slice(1).map((place, index) => text.slice(places[index], place));

      expect(parse(pieces)).toEqual(parse([text]));
    }));
  });

  it('reads bytes cut inside a character, and skips what is no event', async () => {
    const bytes = new TextEncoder().encode('id: 1.1\ndata: {"type": "companion_chunk","content": "数😀"}\n\ndata: oops\n\ndata: {"a": 1}\n\n');
    const events: unknown[] = [];
    await readEvents(new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Uint8Array.of(byte));
        controller.close();
      },
    }), (event: unknown) => events.push(event));

    expect(events).toEqual([{ id: '1.1', event: { type: 'companion_chunk', content: '数😀' } }]);
  });

  it('lets each frame of two streams through once, and a reset always', () => {
    const gate = createFrameGate();
    const seen = (['1.1', '1.2', '1.1', '1.3', '1.2', '1.3', '1.4'] as const).filter((id) => gate.admit(id, 'companion_chunk'));

    expect(seen).toEqual(['1.1', '1.2', '1.3', '1.4']);
    expect(gate.admit('1.4', 'stream_reset')).toBe(true);
    expect(gate.lastId).toBe('1.4');
  });
});

describe('the page', () => {
  const files = readdirSync(web);
  const source = (name: string) => readFileSync(join(web, name), 'utf8');

  it('consists of files that the server offers', () => {
    expect(files.filter((name) => name !== 'index.html' && !/^[a-z][a-z0-9-]*\.(js|css|svg)$/.test(name))).toEqual([]);
  });

  it('names only its own files, and holds no inline script or style', () => {
    const page = source('index.html');
    const assets = [...page.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!).filter((address) => !address.startsWith('#') && address !== '/docs');

    expect(assets.filter((address) => !files.includes(address.replace('/assets/', '')))).toEqual([]);
    expect(page).not.toMatch(/<script(?![^>]*src=)|<style|\sstyle=|\son\w+=/);
  });

  it.each(files.filter((name) => name.endsWith('.js')))('%s parses no HTML, evaluates nothing and keeps nothing', (name) => {
    expect(source(name).replaceAll(/\/\/.*$/gm, '')).not.toMatch(/innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|\beval\b|new Function|localStorage|sessionStorage|document\.cookie/);
  });

  it('shows foreign HTML only in a frame without any permission', () => {
    const frames = files.filter((name) => name.endsWith('.js')).flatMap((name) => [...source(name).matchAll(/h\('iframe', \{([^}]*)/g)].map((match) => match[1]!));

    expect(frames).toEqual([expect.stringMatching(/sandbox: ''/)]);
  });
});
