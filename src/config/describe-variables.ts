import type { VariableGroup } from './variable.ts';
import { listVariables } from './variables.ts';

/** One setting as documents and help texts show it. */
export interface VariableDescription {
  name: string; flag: string | null; placeholder: string | null; group: VariableGroup; help: string; fallback: string; secret: boolean;
}

/** Every setting there is, in the order of the documents; the source of `--help` and of `docs/configuration.md`. */
export function describeVariables(platform: NodeJS.Platform = 'linux'): VariableDescription[] {
  return listVariables(platform).map(({ name, flag, placeholder, group, help, shown, secret }) => ({
    name, flag, placeholder, group, help, fallback: shown, secret,
  }));
}

const TITLES: Record<VariableGroup, string> = {
  server: 'Server', content: 'Content', model: 'Model', turn: 'Turn', execution: 'Running code',
};

/** The settings as Markdown tables. */
export function renderConfigurationPage(): string {
  const groups = Object.keys(TITLES) as VariableGroup[]; // proof: the keys of a Record<VariableGroup, …>
  const all = describeVariables();
  const sections = groups.map((group) => {
    const rows = all.filter((setting) => setting.group === group).map(({ name, flag, help, fallback, secret }) =>
      `| \`${name}\` | ${flag === null ? '' : `\`--${flag}\``} | ${escape(help)}${secret ? ' (secret)' : ''} | ${escape(fallback)} |`);
    return [`## ${TITLES[group]}`, '', '| Variable | Flag | What it does | Default |', '|---|---|---|---|', ...rows, ''].join('\n');
  });
  const rules = [
    'An empty or blank value means unset. Flags win over variables. Paths are absolute. A value that cannot be used ends the start with',
    'exit code 2 and one line that names the variable; a folder that does not exist is a warning and counts as unset. Secrets are taken',
    'out of the environment at the start.',
  ];
  return ['# Configuration', '', ...rules, '', ...sections].join('\n');
}

function escape(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
