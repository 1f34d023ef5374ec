import { parseDocument } from 'yaml';
import * as z from 'zod';
import type { PromptContract } from './catalogue.ts';
import { namesOf, parseTemplate, type TemplateNode } from './template.ts';

const FrontMatterSchema = z.strictObject({
  id: z.string(),
  version: z.int().positive(),
  role: z.enum(['system', 'user']),
  variables: z.record(z.string().regex(/^[A-Z][A-Z0-9_]*$/), z.enum(['required', 'optional'])),
  data: z.array(z.string()),
});
type FrontMatter = z.infer<typeof FrontMatterSchema>;

/** A prompt file, ready to be rendered. */
export interface Prompt { id: string; version: number; role: 'system' | 'user'; nodes: readonly TemplateNode[]; data: ReadonlySet<string> }

/** Parses a prompt file and checks it against its contract. Throws one plain sentence that names the file and the fault. */
export function parsePrompt(source: string, expected: { id: string; contract: PromptContract }): Prompt {
  try {
    const { header, body } = split(source.replaceAll('\r\n', '\n').replace(/^\uFEFF/, ''));
    const nodes = parseTemplate(body.trim());
    checkHeader(header, expected);
    checkNames(header, namesOf(nodes));
    return { id: header.id, version: header.version, role: header.role, nodes, data: new Set(header.data) };
  } catch (error) {
    throw new Error(`prompt ${expected.id}.md: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function split(text: string): { header: FrontMatter; body: string } {
  const match = /^---\n([\s\S]*?)\n---\n/.exec(text);
  if (match === null) throw new Error('no front matter');
  const document = parseDocument(match[1] ?? '', { schema: 'core', uniqueKeys: true, logLevel: 'silent' });
  if (document.errors.length > 0) throw new Error('the front matter is not valid YAML');
  const header = FrontMatterSchema.safeParse(document.toJS({ maxAliasCount: 0 }));
  if (!header.success) throw new Error(`front matter: ${header.error.issues.map((issue) => `${issue.path.join('.')} ${issue.message}`).join('; ')}`);
  return { header: header.data, body: text.slice(match[0].length) };
}

function checkHeader(header: FrontMatter, { id, contract }: { id: string; contract: PromptContract }): void {
  if (header.id !== id) throw new Error(`the id is ${header.id}`);
  if (header.role !== contract.role) throw new Error(`the role must be ${contract.role}`);
  const supplied = new Map<string, 'required' | 'optional'>();
  for (const name of contract.required) supplied.set(name, 'required');
  for (const name of contract.optional) supplied.set(name, 'optional');
  for (const [name, need] of Object.entries(header.variables)) {
    if (!supplied.has(name)) throw new Error(`variable ${name} is unknown`);
    if (supplied.get(name) !== need) throw new Error(`variable ${name} must be ${supplied.get(name)}`);
  }
  for (const name of supplied.keys()) if (header.variables[name] === undefined) throw new Error(`variable ${name} is missing`);
  const wrapped = new Set(header.data);
  for (const name of contract.data) if (!wrapped.has(name)) throw new Error(`variable ${name} must be listed under data`);
  for (const name of wrapped) if (!supplied.has(name)) throw new Error(`data lists ${name}, which is no variable`);
}

function checkNames(header: FrontMatter, used: readonly string[]): void {
  for (const name of used) if (header.variables[name] === undefined) throw new Error(`{{${name}}} is not declared`);
  for (const name of Object.keys(header.variables)) if (!used.includes(name)) throw new Error(`variable ${name} is declared and never used`);
}
