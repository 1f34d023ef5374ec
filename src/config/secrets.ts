import { listVariables } from './variables.ts';

/** Names of the variables that hold secrets. */
export const SECRET_NAMES: readonly string[] = listVariables('linux').filter((setting) => setting.secret).map((setting) => setting.name);

/** Returns a copy of the environment and removes the secrets from the original, so that no child can inherit one. */
export function takeSecrets(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const copy = { ...env };
  for (const name of Object.keys(env)) {
    // Windows compares names of variables without case.
    if (SECRET_NAMES.includes(name.toUpperCase())) delete env[name];
  }
  return copy;
}

/** The secret values of an environment; for the redactor. */
export function secretValues(env: Readonly<Record<string, string | undefined>>): string[] {
  return SECRET_NAMES.flatMap((name) => env[name]?.trim() || []);
}
