import type { AgentCode, Language } from '../contracts/index.ts';

export type ProviderName = 'openai' | 'anthropic' | 'custom' | 'offline';

/** Where one agent's calls go, as set. Missing parts stay null: a half setup is an error of the turn, not of the start. */
export interface EndpointSettings {
  provider: ProviderName;
  baseUrl: string | null;
  apiKey: string | null;
  model: string | null;
  temperature: number | null;
}

export interface ModelSettings {
  /** By agent, and `SMALL` for repairs; general settings are already folded in. */
  endpoints: Record<AgentCode | 'SMALL', EndpointSettings>;
  fallbackModel: string | null;
  contextTokens: number | null;
  /** Overrides the structured ladder's first rung. */
  structured: 'json_schema' | 'tool' | 'json_object' | 'text' | null;
  turnTokenLimit: number;
  sessionTokenLimit: number | null;
  dayTokenLimit: number | null;
}

/** Everything the process was told from outside: validated, frozen, secrets already taken out of the environment. */
export interface Config {
  host: string;
  /** 0 = a free port. */
  port: number;
  sessionsDir: string;
  logFile: string | null;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  language: Language;
  auth: { mode: 'token' | 'desktop'; token: string | null; allowedOrigins: readonly string[]; desktopOrigins: readonly string[] };
  content: {
    curriculumDir: string | null; expertsDir: string | null; mainAgentsDir: string | null; curriculumTemplatesDir: string | null;
    tutorRoot: string | null; contentRoots: readonly string[]; promptsDir: string | null;
  };
  python: { runtimeRoot: string | null; python: string | null; launchPython: string | null };
  models: ModelSettings;
  turn: { maxInputLength: number; maxAttemptsBeforeUnlock: number; batchErrorLogEveryNTurns: number; memoWaitMs: number };
  backendOrigins: readonly string[] | null;
  workbench: boolean;
  exitWithParent: boolean;
  /** Values that were ignored, each naming its variable; shown in diagnostics and the log. */
  warnings: readonly string[];
}
