import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMarkupFilter } from './markup-filter.ts';
import { createSecretFilter } from './secret-filter.ts';
import type { TextFilter } from './text-filter.ts';

const SECRETS = ['s3cr3t-value', 's3cr3t-value-longer', 'pass word!'];

function run(filter: TextFilter, chunks: readonly string[]): string {
  return chunks.map((chunk) => filter.push(chunk, 0)).join('') + filter.end(0);
}

const units = (text: string) => [...Array(text.length).keys()].map((at) => text.charAt(at));
const pieces = (parts: readonly string[]) => fc.array(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...parts) }, fc.string({ maxLength: 4 })), { maxLength: 20 });

describe('the secret filter', () => {
  const filter = (text: string) => run(createSecretFilter(SECRETS, 'en'), [text]);

  it.each([
    ['a known value', 'key s3cr3t-value.', 'key [redacted].'],
    ['the longer of two', 's3cr3t-value-longer', '[redacted]'],
    ['a value in URL encoding', 'x=pass%20word!', 'x=[redacted]'],
    ['a value in base64', `x ${btoa('s3cr3t-value')} y`, 'x [redacted] y'],
    ['a bearer value', 'Authorization: Bearer abcdef0123456789abcd', 'Authorization: [redacted]'],
    ['a provider key', 'OPENAI_API_KEY=sk-proj-abcdefghijklmnop1234', 'OPENAI_API_KEY=[redacted]'],
    ['a JWT', 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0', '[redacted]'],
  ])('replaces %s', (_title, text, expected) => {
    expect(filter(text)).toBe(expected);
  });

  it.each(['the bearer of bad news', 'import sklearn  # sk-learn', 'a task-oriented-approach-to-everything', 'eyJust a typo', 'Bearer YOUR_TOKEN_HERE', 's3cr3t-valu'])(
    'leaves %j alone', (text) => {
      expect(filter(text)).toBe(text);
    });

  it('lets no known value through, however the text is cut', () => {
    const parts = [...SECRETS, 's3cr3t-', 'value', 'pass ', 'word!', 'Bearer ', 'sk-', 'abcdefghij0123456789', 'eyJ', 'abcdefgh.', ' ', '-longer'];
    fc.assert(fc.property(pieces(parts), (chunks) => {
      const out = run(createSecretFilter(SECRETS, 'zh'), [chunks.join('')]);

      expect(run(createSecretFilter(SECRETS, 'zh'), chunks)).toBe(out);
      expect(run(createSecretFilter(SECRETS, 'zh'), units(chunks.join('')))).toBe(out);
      for (const secret of SECRETS) expect(out).not.toContain(secret);
    }), { numRuns: 60000 });
  });
});

describe('the markup filter', () => {
  const filter = (text: string) => run(createMarkupFilter(), [text]);

  it.each([
    ['a remote image', 'See ![a plot](https://evil.example/p.png?x=1) now', 'See [a plot](https://evil.example/p.png?x=1) now'],
    ['an image without scheme', '![a](//evil.example/p.png)', '[a](//evil.example/p.png)'],
    ['an image with a title', '![a](http://e.example/x "t")', '[a](http://e.example/x "t")'],
    ['an image behind an exclamation mark', '!![a](http://e.example/x)', '! [a](http://e.example/x)'],
    ['a reference image', '![a][r]\n\n[r]: http://e.example/x', '! [a][r]\n\n[r]: http://e.example/x'],
    ['an image that never ends', 'x ![a](http://e.exam', 'x ! [a](http://e.exam'],
    ['an image in a local one', '![![a](http://e.example/x)](y.png)', '[[a](http://e.example/x)](y.png)'],
    ['an image behind code', '![`a](y.png)`](http://e.example/x)', '[`a](y.png)`](http://e.example/x)'],
    ['an image by entity', '![a](&#104;ttp://e.example)', '[a](&#104;ttp://e.example)'],
    ['a script element', '<script>alert(1)</script>', '< script>alert(1)< /script>'],
    ['an image element', 'x <IMG src=x onerror=y>', 'x < IMG src=x onerror=y>'],
    ['a handler on any element', '<b onclick=x>hi</b>', '< b onclick=x>hi</b>'],
    ['an element over lines', '<b\nonclick=x>', '< b\nonclick=x>'],
    ['an element with a slash', '<svg/onload=x>', '< svg/onload=x>'],
    ['a comment', '<!-- x -->', '< !-- x -->'],
    ['a frame that never ends', '<iframe src=x', '< iframe src=x'],
    ['a script link', '[a](javascript:alert(1))', '[a](#))'],
    ['a script link by entity', '[a](java&#115;cript&colon;x)', '[a](#)'],
    ['a script link in brackets', '[a](<java\tscript:x>)', '[a](<#>)'],
    ['a data link', '[a](data:text/html,x)', '[a](#)'],
    ['a handler behind a script target', '<b [a](data:> onclick=x>', '<b [a](#> onclick=x>'],
    ['a script reference', '[a]: JavaScript:x', '[a]: #'],
    ['a script address', '<javascript:x>', '< javascript :x>'],
    ['a handler behind a script scheme', '<javascript:/onclick=x>', '< javascript :/onclick=x>'],
  ])('makes %s inert', (_title, text, expected) => {
    expect(filter(text)).toBe(expected);
  });

  it.each([
    '![plot](plots/mean.png)', '[docs](https://docs.example/a_(b))', 'if a < b and c > d:', "<class 'pandas.DataFrame'>", '<https://a.example/?x=1>',
    'x <b>bold</b><br/>', 'a[1:]: b', 'wow! [a](b)', '#include <stdio.h>', '<your_name>', '5 <6', 'i<=3', 'java and vb', 'for x in rows[0]:\n  pass', '<你好>',
  ])('leaves %j as it is', (text) => {
    expect(filter(text)).toBe(text);
  });

  const parts = ['!', '[', ']', '(', ')', '![a](', 'http://e.example/x', 'y.png', '<', '<b ', '<img', 'script', '>', '/', '=', 'javascript', ':', '\n', '\n\n', '\\', '`', '"', '&#', ' ', 'data:', 'ÿ你'];

  it('gives the same however the text is cut, and changes nothing twice', () => {
    fc.assert(fc.property(pieces(parts), (chunks) => {
      const out = filter(chunks.join(''));

      expect(run(createMarkupFilter(), chunks)).toBe(out);
      expect(run(createMarkupFilter(), units(chunks.join('')))).toBe(out);
      expect(filter(out)).toBe(out);
    }), { numRuns: 60000 });
  });

  it('lets no image, active element, handler or script link through, also when text drips slowly', () => {
    fc.assert(fc.property(pieces(parts), fc.nat({ max: 4000 }), (chunks, wait) => {
      const slow = createMarkupFilter();
      let out = '';
      for (const [index, chunk] of chunks.entries()) out += slow.tick(index * wait) + slow.push(chunk, index * wait);
      out += slow.end(chunks.length * wait);

      expect(out).not.toMatch(/!\[[^\]`]*\]\((?:[a-z]+:)?\/\//i);
      expect(out).not.toMatch(/<(?:img|script)[\s/>]/i);
      expect(out).not.toMatch(/<[a-z]+\s[^<>]*=[^<>]*>/i);
      expect(out).not.toMatch(/javascript:/i);
    }), { numRuns: 60000 });
  });

  it('settles what is held for 3 s on the safe side', () => {
    const slow = createMarkupFilter();

    expect(slow.push('x ![a', 0)).toBe('x ');
    expect(slow.dueAt).toBe(3000);
    expect(slow.tick(2999)).toBe('');
    expect(slow.tick(3000) + slow.push('](http://e.example)', 3001) + slow.end(3002)).toBe('! [a](http://e.example)');
  });

  it('lets no script target through that comes in two halves', () => {
    const slow = createMarkupFilter();

    expect(slow.push('[a](java&#115;', 0) + slow.tick(3000) + slow.push('cript&colon;x)', 3001) + slow.end(3002)).toBe('[a] (java&#115;cript&colon;x)');
  });
});
