/** A setting that cannot be used. `message` names the variable and the rule, and never a secret's value. Ends the start with exit code 2. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly variable: string;

  constructor(variable: string, rule: string) {
    super(`${variable} ${rule}`);
    this.variable = variable;
  }
}
