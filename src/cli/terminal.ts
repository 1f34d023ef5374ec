/** What a command sees of the process around it. */
export interface Terminal {
  /** Machine-readable output only. */
  out(text: string): void;
  /** What people read. */
  err(text: string): void;
  /** Do people read `err` at once, in a terminal? Otherwise it may be kept in a file. */
  isErrTerminal: boolean;
  stdin: NodeJS.ReadStream;
  /** The environment, secrets included; the process's own has them no more. */
  env: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  home: string;
}
