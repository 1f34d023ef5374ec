import { pino } from 'pino';
import type { Config } from './config.ts';
import type { Redactor } from './redactor.ts';
import type { LineSink } from './rotating-file.ts';
import { RotatingFile } from './rotating-file.ts';
import type { Clock, Log } from './runtime.ts';

/** A log that must be closed, so that its file is released. */
export interface Logger extends Log { close(): void }

interface LoggerOptions {
  level: Config['logLevel'];
  /** Level of the lines that people see on stderr; unset = `level`. */
  consoleLevel?: Config['logLevel'] | 'silent';
  logFile: string | null;
  clock: Clock;
  redactor: Redactor;
  /** Receives the lines for people; stderr of the process. */
  writeConsole: (line: string) => void;
}

const WEIGHTS = { debug: 20, info: 30, warn: 40, error: 50, silent: 100 } as const;

/** JSON lines on stderr and in the log file, redacted, oldest first. */
export function createLogger(options: LoggerOptions): Logger {
  const { level, clock, redactor, consoleLevel = level } = options;
  const file: LineSink | null = options.logFile === null ? null : new RotatingFile({
    path: options.logFile, monotonicMs: () => clock.monotonicMs(),
    onGap: () => options.writeConsole(`${JSON.stringify({ level: 'warn', time: clock.now().toISOString(), msg: 'the log file cannot be written' })}\n`),
  });
  const destination = {
    /** Set by pino before each write. */
    lastLevel: 0,
    write(line: string): void {
      file?.write(line);
      if (this.lastLevel >= WEIGHTS[consoleLevel]) options.writeConsole(line);
    },
    // pino tells the level of a line only to destinations with this mark.
    [Symbol.for('pino.metadata')]: true,
  };
  const logger = pino({
    level,
    base: { pid: process.pid },
    timestamp: () => `,"time":"${clock.now().toISOString()}"`,
    serializers: {},
    formatters: {
      level: (label) => ({ level: label }),
      // The redactor copies plain fields into plain fields.
      log: (fields) => redactor.redactFields(fields) as Record<string, unknown>,
    },
    hooks: { streamWrite: (line) => redactor.redact(line) },
  }, destination);
  return {
    debug: (fields, message) => logger.debug(fields, message),
    info: (fields, message) => logger.info(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    error: (fields, message) => logger.error(fields, message),
    close: () => file?.close(),
  };
}
