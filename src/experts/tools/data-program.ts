import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataToolName } from './tool-names.ts';

/** Modules of the data tools, each after those that it imports. */
const MODULES = ['words', 'table_facts', 'read_table', 'suitability', 'data_tools'] as const;

/** The data tools as one Python program, so that it runs wherever code runs. `folder` holds the modules. */
export async function loadDataProgram(folder: string): Promise<string> {
  const sources = await Promise.all(MODULES.map(async (name) => [name, await readFile(join(folder, `${name}.py`), 'utf8')] as const));
  // JSON texts are Python literals; the modules are made in their order of import and never looked for on disk.
  return [
    'import sys, types',
    `for _name, _source in ${JSON.stringify(sources)}:`,
    '    _module = types.ModuleType(_name)',
    '    sys.modules[_name] = _module',
    "    exec(compile(_source, _name + '.py', 'exec'), _module.__dict__)",
    "sys.modules['data_tools'].main()",
    '',
  ].join('\n');
}

/** Standard input of one call of the data tools. */
export function dataToolInput(tool: DataToolName, input: object, language: string): string {
  return JSON.stringify({ tool, language, input });
}
