import { existsSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import type { AgentCode } from '../contracts/index.ts';
import type { Config, EndpointSettings, ExecutionSettings, ModelSettings } from './config.ts';
import { ConfigError } from './config-error.ts';
import type { VariableSources } from './read-variable.ts';
import { readVariable } from './read-variable.ts';
import { findProgramFolder, userFolders } from './user-folders.ts';
import { isSecureAddress } from './value-schemas.ts';
import type { EndpointSuffix } from './variables.ts';
import { createVariables, endpointVariables } from './variables.ts';

/** Where settings come from. `token` is the one of `--token-stdin`; it wins over the variable. */
export interface ConfigSources {
  env: Readonly<Record<string, string | undefined>>;
  flags?: Readonly<Record<string, string | boolean | undefined>>;
  home: string;
  platform: NodeJS.Platform;
  token?: string;
  /** Tests and tools name another place of the packaged files. */
  programDir?: string;
}

type Reader = <T>(setting: Parameters<typeof readVariable<T>>[1]) => T;
type Variables = ReturnType<typeof createVariables>;
type EndpointName = AgentCode | 'SMALL';

const ENDPOINT_NAMES: readonly EndpointName[] = ['CA', 'RMA', 'MA', 'EXP', 'SMALL'];

/** The frozen configuration. Throws ConfigError for the first value that cannot be used. */
export function loadConfig(given: ConfigSources): Config {
  const sources: VariableSources = { env: given.env, flags: given.flags ?? {}, warnings: [] };
  const read: Reader = (setting) => readVariable(sources, setting);
  const settings = createVariables(given.platform);
  const at = given.platform === 'win32' ? win32 : posix;
  const user = userFolders({ env: given.env, home: given.home, platform: given.platform });
  const auth = readAuth(read, settings, given.token);
  const content = readContent(read, settings);
  const config: Config = {
    host: read(settings.host),
    port: read(settings.port),
    sessionsDir: read(settings.sessionsDir) ?? at.join(user.data, 'sessions'),
    cacheDir: content.tutorRoot === null ? user.cache : at.join(content.tutorRoot, 'cache', 'sidecar'),
    homeDir: given.home,
    programDir: given.programDir ?? findProgramFolder(),
    logFile: read(settings.logFile),
    logLevel: read(settings.logLevel),
    language: read(settings.language) ?? (auth.mode === 'desktop' ? 'zh' : 'en'),
    auth,
    content,
    python: { runtimeRoot: read(settings.runtimeRoot), python: read(settings.python), launchPython: read(settings.launchPython) },
    execution: readExecution(read, settings, sources.warnings),
    models: readModels(read, settings, sources.warnings),
    turn: {
      maxInputLength: read(settings.maxInputLength),
      maxAttemptsBeforeUnlock: read(settings.maxAttemptsBeforeUnlock),
      batchErrorLogEveryNTurns: read(settings.batchErrorLogEveryNTurns),
      memoWaitMs: read(settings.memoWaitMs),
    },
    backendOrigins: read(settings.backendOrigins),
    workbench: read(settings.workbench),
    exitWithParent: given.flags?.['exit-with-parent'] === true,
    warnings: sources.warnings,
  };
  warnOfNewLogFolder(config, at, sources.warnings);
  return deepFreeze(config);
}

/** The folder of the log is made when it is missing; a typing mistake must not go unseen. The data folder is ours to make. */
function warnOfNewLogFolder({ logFile, sessionsDir }: Config, at: typeof posix, warnings: string[]): void {
  if (logFile === null) return;
  const folder = at.dirname(logFile);
  if (folder !== sessionsDir && !existsSync(folder)) warnings.push(`LOG_FILE: the folder ${folder} did not exist and is made`);
}

function readAuth(read: Reader, settings: Variables, piped: string | undefined): Config['auth'] {
  const allowedOrigins = read(settings.allowedOrigins);
  const fromVariable = read(settings.token);
  const problem = piped === undefined ? undefined : settings.token.schema.safeParse(piped).error;
  if (problem !== undefined) throw new ConfigError('the token of --token-stdin', problem.issues[0]?.message ?? 'cannot be used');
  return { mode: read(settings.authMode), token: piped ?? fromVariable, allowedOrigins, desktopOrigins: read(settings.desktopOrigins) };
}

function readContent(read: Reader, settings: Variables): Config['content'] {
  return {
    curriculumDir: read(settings.curriculumDir),
    expertsDir: read(settings.expertsDir),
    mainAgentsDir: read(settings.mainAgentsDir),
    curriculumTemplatesDir: read(settings.curriculumTemplatesDir),
    tutorRoot: read(settings.tutorRoot),
    contentRoots: read(settings.contentRoots),
    promptsDir: read(settings.promptsDir),
    signatures: read(settings.contentSignatures),
  };
}

function readExecution(read: Reader, settings: Variables, warnings: string[]): ExecutionSettings {
  const url = read(settings.gatewayUrl);
  const gateway = {
    token: read(settings.gatewayToken), authScheme: read(settings.gatewayAuthScheme), environment: read(settings.gatewayEnvironment),
    files: read(settings.gatewayFiles),
  };
  if (url === null && gateway.token !== null) warnings.push('SIDECAR_KERNEL_GATEWAY_TOKEN is ignored without SIDECAR_KERNEL_GATEWAY_URL');
  return {
    bwrap: read(settings.bwrap), laneNetwork: read(settings.laneNetwork), preload: read(settings.preload), poolMb: read(settings.poolMb),
    kernelGateway: url === null ? null : { url: url.replace(/\/+$/, ''), ...gateway },
  };
}

function readModels(read: Reader, settings: Variables, warnings: string[]): ModelSettings {
  const own = (suffix: EndpointSuffix) => {
    const variables = endpointVariables(suffix);
    const baseUrl = read(variables.baseUrl);
    if (baseUrl !== null && !isSecureAddress(baseUrl)) warnings.push(`LLM_BASE_URL${suffix} uses plain http to another machine`);
    return {
      provider: read(variables.provider), baseUrl, apiKey: read(variables.apiKey), model: read(variables.model),
      temperature: read(variables.temperature),
    };
  };
  const general = own('');
  const fold = (name: EndpointName): EndpointSettings => {
    const special = own(`_${name}`);
    return {
      provider: special.provider ?? general.provider ?? 'custom',
      baseUrl: special.baseUrl ?? general.baseUrl,
      apiKey: special.apiKey ?? general.apiKey,
      model: special.model ?? general.model,
      temperature: special.temperature ?? general.temperature,
    };
  };
  const [CA, RMA, MA, EXP, SMALL] = ENDPOINT_NAMES.map(fold) as [EndpointSettings, EndpointSettings, EndpointSettings, EndpointSettings, EndpointSettings]; // proof: five names above
  return {
    endpoints: { CA, RMA, MA, EXP, SMALL },
    fallbackModel: read(settings.fallbackModel),
    contextTokens: read(settings.contextTokens),
    structured: read(settings.structured),
    turnTokenLimit: read(settings.turnTokenLimit),
    sessionTokenLimit: read(settings.sessionTokenLimit),
    dayTokenLimit: read(settings.dayTokenLimit),
  };
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
