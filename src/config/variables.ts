import type { Config, ProviderName } from './config.ts';
import type { GatewayFiles, LaneNetwork, Preload } from './execution-schemas.ts';
import { gatewayEnvironment, gatewayFiles, laneNetwork, preload } from './execution-schemas.ts';
import {
  absolutePath, absolutePaths, allowedOrigins, backendOrigins, baseUrl, choice, decimal, desktopOrigins, headerValue, language, loopbackHost,
  onOff, secureUrl, text, token, wholeNumber,
} from './value-schemas.ts';
import type { Variable } from './variable.ts';
import { variable } from './variable.ts';

type Text = string | null;

const DESKTOP_ORIGINS = ['null', 'file://', 'http://localhost:3000'];
const MANY_TOKENS = 1_000_000_000;

/** Suffixes of the variables that are set per agent; the empty one is the general setting. */
export const ENDPOINT_SUFFIXES = ['', '_CA', '_RMA', '_MA', '_EXP', '_SMALL'] as const;
export type EndpointSuffix = (typeof ENDPOINT_SUFFIXES)[number];

const AGENTS: Record<EndpointSuffix, string> = {
  '': '', _CA: ' of the companion', _RMA: ' of the roadmap manager', _MA: ' of the memo agent', _EXP: ' of the experts', _SMALL: ' of repairs',
};

/** The variables of one endpoint; with a suffix unset means the general one. */
export function endpointVariables(suffix: EndpointSuffix) {
  const whose = AGENTS[suffix];
  const unset = suffix === '' ? {} : { shown: 'the general one' };
  return {
    provider: variable<ProviderName | null>(`LLM_PROVIDER${suffix}`, {
      group: 'model', help: `protocol${whose}: openai, anthropic, custom (OpenAI-compatible) or offline`,
      schema: choice('openai', 'anthropic', 'custom', 'offline'), fallback: null, shown: suffix === '' ? 'custom' : 'the general one',
    }),
    baseUrl: variable<Text>(`LLM_BASE_URL${suffix}`, {
      group: 'model', help: `address of the provider${whose}`, schema: baseUrl, fallback: null, quiet: true, ...unset,
    }),
    apiKey: variable<Text>(`LLM_API_KEY${suffix}`, {
      group: 'model', help: `key of the provider${whose}`, schema: headerValue, fallback: null, secret: true, ...unset,
    }),
    model: variable<Text>(`LLM_MODEL${suffix}`, { group: 'model', help: `model${whose}`, schema: text, fallback: null, ...unset }),
    temperature: variable<number | null>(`LLM_TEMPERATURE${suffix}`, {
      group: 'model', help: `temperature${whose}; sent only if set`, schema: decimal(0, 2), fallback: null, ...unset,
    }),
  };
}

const serverVariables = (platform: NodeJS.Platform) => ({
  host: variable('HOST', { group: 'server', flag: 'host', help: 'loopback address to listen on', schema: loopbackHost, fallback: '127.0.0.1' }),
  port: variable('PORT', {
    group: 'server', flag: 'port', help: 'port to listen on; 0 = a free one', schema: wholeNumber(0, 65_535), fallback: 0,
  }),
  sessionsDir: variable<Text>('SESSIONS_DIR', {
    group: 'server', flag: 'sessions-dir', placeholder: 'DIR', help: 'store, session folders and lock', schema: absolutePath(platform),
    fallback: null, shown: 'the per-user data folder',
  }),
  logFile: variable<Text>('LOG_FILE', {
    group: 'server', flag: 'log-file', placeholder: 'FILE', help: 'JSON lines, three files of 5 MiB', schema: absolutePath(platform), fallback: null,
  }),
  logLevel: variable<Config['logLevel']>('SIDECAR_LOG_LEVEL', {
    group: 'server', flag: 'log-level', help: 'debug, info, warn or error; only debug may hold learner text',
    schema: choice('debug', 'info', 'warn', 'error'), fallback: 'info',
  }),
  language: variable<'en' | 'zh' | null>('SIDECAR_LANG', {
    group: 'server', flag: 'lang', help: 'language of errors outside a chapter: en or zh', schema: language, fallback: null,
    shown: 'en; zh in desktop mode',
  }),
  authMode: variable<'token' | 'desktop'>('SIDECAR_AUTH', {
    group: 'server', flag: 'auth', help: 'token, or desktop for the shipped app, which cannot send one', schema: choice('token', 'desktop'),
    fallback: 'token',
  }),
  token: variable<Text>('SIDECAR_TOKEN', {
    group: 'server', help: 'bearer token of at least 32 characters', schema: token, fallback: null, secret: true, shown: 'made at each start',
  }),
  allowedOrigins: variable<readonly string[]>('SIDECAR_ALLOWED_ORIGINS', {
    group: 'server', flag: 'allowed-origins', placeholder: 'LIST', help: 'origins of pages that may call with a token', schema: allowedOrigins,
    fallback: [], shown: 'none',
  }),
  desktopOrigins: variable<readonly string[]>('SIDECAR_DESKTOP_ORIGINS', {
    group: 'server', help: 'origins of the shipped app, in desktop mode', schema: desktopOrigins, fallback: DESKTOP_ORIGINS,
    shown: DESKTOP_ORIGINS.join(','),
  }),
  backendOrigins: variable<readonly string[] | null>('SIDECAR_BACKEND_ORIGINS', {
    group: 'server', help: 'the only backends that sessions may name', schema: backendOrigins, fallback: null, shown: 'any',
  }),
  workbench: variable('SIDECAR_WORKBENCH', {
    group: 'server', flag: 'workbench', placeholder: null, help: 'serves the workbench page at /', schema: onOff, fallback: false, shown: 'off',
  }),
});

const contentVariables = (platform: NodeJS.Platform) => {
  const folder = (name: string, help: string, shown = 'unset'): Variable<Text> =>
    variable<Text>(name, { group: 'content', help, schema: absolutePath(platform), fallback: null, folder: true, shown });
  return {
    tutorRoot: folder('TUTOR_ROOT', 'folder of the desktop app; bundles/ in it is trusted, caches go to cache/sidecar/'),
    curriculumDir: folder('CURRICULUM_DIR', 'an extra curriculum', 'the sample course'),
    expertsDir: folder('EXPERTS_DIR', 'experts below those of a session'),
    mainAgentsDir: folder('MAIN_AGENTS_DIR', 'texts of the agents where a session has none'),
    curriculumTemplatesDir: folder('CURRICULUM_TEMPLATES_DIR', 'report templates', 'the packaged ones'),
    promptsDir: folder('SIDECAR_PROMPTS_DIR', 'prompts for development', 'the packaged ones'),
    contentRoots: variable<readonly string[]>('SIDECAR_CONTENT_ROOTS', {
      group: 'content', help: 'further trusted folders of content, separated as in PATH', schema: absolutePaths(platform), fallback: [],
      folder: true, shown: 'none',
    }),
    contentSignatures: variable<'optional' | 'required'>('SIDECAR_CONTENT_SIGNATURES', {
      group: 'content', help: 'optional, or required to refuse unsigned content', schema: choice('optional', 'required'), fallback: 'optional',
    }),
  };
};

const turnVariables = () => ({
  maxInputLength: variable('MAX_INPUT_LENGTH', { group: 'turn', help: 'characters of a message', schema: wholeNumber(1, 10_000), fallback: 10_000 }),
  maxAttemptsBeforeUnlock: variable('MAX_ATTEMPTS_BEFORE_UNLOCK', {
    group: 'turn', help: 'attempts without progress before the roadmap manager plans anew', schema: wholeNumber(1, 100), fallback: 3,
  }),
  batchErrorLogEveryNTurns: variable('BATCH_ERROR_LOG_EVERY_N_TURNS', {
    group: 'turn', help: 'turns between two summaries of errors', schema: wholeNumber(1, 1000), fallback: 5,
  }),
  memoWaitMs: variable('TURN_MEMO_WAIT_MS', {
    group: 'turn', help: 'how long a turn waits for its notes; 0 = not at all', schema: wholeNumber(0, 60_000), fallback: 8000,
  }),
  fallbackModel: variable<Text>('LLM_FALLBACK_MODEL', { group: 'model', help: 'model after the last retry', schema: text, fallback: null }),
  contextTokens: variable<number | null>('LLM_CONTEXT_TOKENS', {
    group: 'model', help: 'context window', schema: wholeNumber(1024, MANY_TOKENS), fallback: null, shown: 'by model, else 32000',
  }),
  structured: variable<'json_schema' | 'tool' | 'json_object' | 'text' | null>('LLM_STRUCTURED', {
    group: 'model', help: 'how objects are asked for: json_schema, tool, json_object or text',
    schema: choice('json_schema', 'tool', 'json_object', 'text'), fallback: null, shown: 'by model',
  }),
  turnTokenLimit: variable('LLM_TURN_TOKEN_LIMIT', {
    group: 'model', help: 'tokens of one turn', schema: wholeNumber(1, MANY_TOKENS), fallback: 120_000,
  }),
  sessionTokenLimit: variable<number | null>('LLM_SESSION_TOKEN_LIMIT', {
    group: 'model', help: 'tokens of one session', schema: wholeNumber(1, MANY_TOKENS), fallback: null,
  }),
  dayTokenLimit: variable<number | null>('LLM_DAY_TOKEN_LIMIT', {
    group: 'model', help: 'tokens of one day', schema: wholeNumber(1, MANY_TOKENS), fallback: null,
  }),
});

const executionVariables = (platform: NodeJS.Platform) => {
  const path = (name: string, help: string): Variable<Text> =>
    variable<Text>(name, { group: 'execution', help, schema: absolutePath(platform), fallback: null });
  return {
    runtimeRoot: variable<Text>('PYTHON_RUNTIME_ROOT', {
      group: 'execution', help: 'bundle that holds Python', schema: absolutePath(platform), fallback: null, folder: true, shown: 'beside the program',
    }),
    python: path('SIDECAR_PYTHON', 'interpreter of all lanes'),
    launchPython: variable<Text>('SIDECAR_LAUNCH_PYTHON', {
      group: 'execution', flag: 'launch-python', placeholder: 'FILE', help: 'interpreter to use when the bundle has none',
      schema: absolutePath(platform), fallback: null,
    }),
    bwrap: path('SIDECAR_BWRAP', 'another bubblewrap than /usr/bin/bwrap'),
    laneNetwork: variable<LaneNetwork>('SIDECAR_LANE_NETWORK', {
      group: 'execution', help: 'network of learner code and notebooks: off or hosts:<host[:port],…>', schema: laneNetwork,
      fallback: { mode: 'off' }, shown: 'off',
    }),
    preload: variable<Preload>('SIDECAR_PRELOAD', {
      group: 'execution', help: 'what warm workers have imported: auto, none or module names', schema: preload, fallback: 'auto',
    }),
    poolMb: variable<number | null>('SIDECAR_POOL_MB', {
      group: 'execution', help: 'memory for idle workers and kernels; 0 = no pool', schema: wholeNumber(0, 1_048_576), fallback: null,
      shown: 'the smaller of 512 and a tenth of the memory',
    }),
    gatewayUrl: variable<Text>('SIDECAR_KERNEL_GATEWAY_URL', {
      group: 'execution', help: 'Jupyter gateway that runs the kernels', schema: secureUrl, fallback: null, quiet: true,
    }),
    gatewayToken: variable<Text>('SIDECAR_KERNEL_GATEWAY_TOKEN', {
      group: 'execution', help: 'token of the gateway', schema: headerValue, fallback: null, secret: true,
    }),
    gatewayAuthScheme: variable<'token' | 'Bearer'>('SIDECAR_KERNEL_GATEWAY_AUTH_SCHEME', {
      group: 'execution', help: 'how the gateway reads it: token or Bearer',
      schema: choice('token', 'bearer').transform((word) => (word === 'token' ? 'token' as const : 'Bearer' as const)), fallback: 'token',
    }),
    gatewayEnvironment: variable<Record<string, string>>('SIDECAR_KERNEL_GATEWAY_ENV', {
      group: 'execution', help: 'variables of remote kernels: NAME=value,…', schema: gatewayEnvironment, fallback: {}, shown: 'none', quiet: true,
    }),
    gatewayFiles: variable<GatewayFiles>('SIDECAR_KERNEL_GATEWAY_FILES', {
      group: 'execution', help: 'none, or shared:<remote path> where the workspaces are mounted', schema: gatewayFiles,
      fallback: { mode: 'none' }, shown: 'none',
    }),
  };
};

/** Every setting by its place in the configuration, without the per-endpoint ones. */
export function createVariables(platform: NodeJS.Platform) {
  return { ...serverVariables(platform), ...contentVariables(platform), ...turnVariables(), ...executionVariables(platform) };
}

/** Every setting there is, in the order of the documents. */
export function listVariables(platform: NodeJS.Platform): Variable<unknown>[] {
  const all: Variable<unknown>[] = [...Object.values(createVariables(platform)), ...ENDPOINT_SUFFIXES.flatMap((suffix) => Object.values(endpointVariables(suffix)))];
  const order = ['server', 'content', 'model', 'turn', 'execution'];
  return all.sort((one, other) => order.indexOf(one.group) - order.indexOf(other.group));
}
