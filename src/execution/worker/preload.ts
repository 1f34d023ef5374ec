import type { Preload } from '../../config/index.ts';

/** What warm workers may have imported, by the module that programs name. */
const KNOWN: Readonly<Record<string, string>> = { numpy: 'numpy', pandas: 'pandas', matplotlib: 'matplotlib.pyplot', openpyxl: 'openpyxl' };
const DEFAULT = ['numpy', 'pandas'] as const;
const IMPORT = /^[ \t]*(?:import|from)[ \t]+([^\n#;]+)/gm;

/** Top-level modules that a program names in its import lines. Text only: nothing is parsed or run. */
export function importedModules(code: string): string[] {
  const names = new Set<string>();
  for (const [, list = ''] of code.matchAll(IMPORT)) {
    for (const part of (list.split(/\bimport\b/)[0] ?? '').split(',')) {
      const [, name] = /^\s*([A-Za-z_]\w*)/.exec(part) ?? [];
      if (name !== undefined) names.add(name);
    }
  }
  return [...names];
}

/** Modules to import into warm workers; `imported` are those that the session's programs name. */
export function choosePreload(setting: Preload, imported: Iterable<string>): string[] {
  if (setting !== 'auto') return [...setting];
  const seen = new Set(imported);
  const chosen = Object.entries(KNOWN).filter(([name]) => seen.has(name)).map(([, module]) => module);
  return chosen.length === 0 ? [...DEFAULT] : chosen;
}

/** True when a file of the workspace would hide a module of the set. */
export function hidesPreload(entries: Iterable<string>, preload: readonly string[]): boolean {
  const tops = new Set(preload.map((module) => module.split('.')[0] ?? module));
  for (const entry of entries) if (tops.has(entry.replace(/\.py$/, ''))) return true;
  return false;
}
