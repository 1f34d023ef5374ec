import type { AgentCode, Language } from '../contracts/index.ts';
import type { GatewayFiles, LaneNetwork, Preload } from './execution-schemas.ts';

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

/** How code is run; what is null is decided by the lanes. */
export interface ExecutionSettings {
  bwrap: string | null;
  laneNetwork: LaneNetwork;
  preload: Preload;
  poolMb: number | null;
  /** A remote gateway that runs the kernels. */
  kernelGateway: {
    url: string; token: string | null; authScheme: 'token' | 'Bearer'; environment: Readonly<Record<string, string>>; files: GatewayFiles;
  } | null;
}

/** Everything the process was told from outside: validated, frozen, secrets already taken out of the environment. */
export interface Config {
  host: string;
  /** 0 = a free port. */
  port: number;
  /** May not exist yet. */
  sessionsDir: string;
  /** Caches and marks, safe to delete; may not exist yet. */
  cacheDir: string;
  homeDir: string;
  /** Where prompts, sample content, pages and Python helpers of this program lie. */
  programDir: string;
  logFile: string | null;
  logLevel: 'debug' | 'info' | 'warn' | 'error';
  language: Language;
  auth: { mode: 'token' | 'desktop'; token: string | null; allowedOrigins: readonly string[]; desktopOrigins: readonly string[] };
  content: {
    curriculumDir: string | null; expertsDir: string | null; mainAgentsDir: string | null; curriculumTemplatesDir: string | null;
    tutorRoot: string | null; contentRoots: readonly string[]; promptsDir: string | null;
    signatures: 'optional' | 'required';
  };
  python: { runtimeRoot: string | null; python: string | null; launchPython: string | null };
  execution: ExecutionSettings;
  models: ModelSettings;
  turn: { maxInputLength: number; maxAttemptsBeforeUnlock: number; batchErrorLogEveryNTurns: number; memoWaitMs: number };
  backendOrigins: readonly string[] | null;
  workbench: boolean;
  exitWithParent: boolean;
  /** Values that were ignored, each naming its variable; shown in diagnostics and the log. */
  warnings: readonly string[];
}
