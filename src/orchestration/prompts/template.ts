/** A parsed template: fixed text, a value's place, or a block that stands only when its value is not empty. */
export type TemplateNode =
  | { kind: 'text'; text: string }
  | { kind: 'value'; name: string }
  | { kind: 'block'; name: string; body: readonly TemplateNode[] };

const TAG = /\{\{([?/]?)([A-Z][A-Z0-9_]*)\}\}/g;

interface OpenBlock { name: string; body: TemplateNode[] }

/** Parses `{{NAME}}` and `{{?NAME}}…{{/NAME}}`. Throws on any other use of `{{` and on blocks that do not nest. */
export function parseTemplate(source: string): TemplateNode[] {
  const root: OpenBlock = { name: '', body: [] };
  const open: OpenBlock[] = [root];
  let from = 0;
  for (const match of source.matchAll(TAG)) {
    const [whole, mark = '', name = ''] = match;
    const isBlockTag = mark !== '';
    const stands = isBlockTag && standsAlone(source, match.index, whole.length);
    top(open).body.push(...textNode(source.slice(from, match.index)));
    from = match.index + whole.length + (stands ? 1 : 0);
    if (mark === '') top(open).body.push({ kind: 'value', name });
    else if (mark === '?') open.push({ name, body: [] });
    else closeBlock(open, name);
  }
  top(open).body.push(...textNode(source.slice(from)));
  if (open.length > 1) throw new Error(`block ${top(open).name} is never closed`);
  return root.body;
}

/** The names a template uses, each once, in order of first use. */
export function namesOf(nodes: readonly TemplateNode[]): string[] {
  const names = nodes.flatMap((node) => {
    if (node.kind === 'text') return [];
    return node.kind === 'value' ? [node.name] : [node.name, ...namesOf(node.body)];
  });
  return [...new Set(names)];
}

/** One pass over the nodes: inserted text is never looked at again. Every name needs a value; empty is a value. */
export function renderTemplate(nodes: readonly TemplateNode[], values: ReadonlyMap<string, string>): string {
  return nodes.map((node) => {
    if (node.kind === 'text') return node.text;
    const value = values.get(node.name);
    if (value === undefined) throw new Error(`prompt variable ${node.name} has no value`);
    if (node.kind === 'value') return value;
    return value === '' ? '' : renderTemplate(node.body, values);
  }).join('');
}

function top(open: readonly OpenBlock[]): OpenBlock {
  const block = open.at(-1);
  if (block === undefined) throw new Error('the template has no open block');
  return block;
}

function closeBlock(open: OpenBlock[], name: string): void {
  const block = top(open);
  if (open.length < 2 || block.name !== name) throw new Error(`block end ${name} has no matching start`);
  open.pop();
  top(open).body.push({ kind: 'block', name, body: block.body });
}

function textNode(text: string): TemplateNode[] {
  if (text.includes('{{')) throw new Error(`unreadable tag near "${text.trim().slice(0, 60)}"`);
  return text === '' ? [] : [{ kind: 'text', text }];
}

/** A block tag on a line of its own takes its line break with it, so that a dropped block leaves no gap. */
function standsAlone(source: string, at: number, length: number): boolean {
  return (at === 0 || source[at - 1] === '\n') && source[at + length] === '\n';
}
