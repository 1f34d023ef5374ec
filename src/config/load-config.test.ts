import { mkdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import type { Config } from './config.ts';
import { ConfigError } from './config-error.ts';
import { describeVariables, renderConfigurationPage } from './describe-variables.ts';
import { loadConfig } from './load-config.ts';
import { SECRET_NAMES, secretValues, takeSecrets } from './secrets.ts';

const home = '/home/learner';
const load = (env: Record<string, string> = {}, flags: Record<string, string | boolean> = {}): Config =>
  loadConfig({ env, flags, home, platform: 'linux', programDir: '/opt/sidecar' });
const all = describeVariables();
const problemOf = (run: () => unknown): ConfigError => {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('no ConfigError');
};

describe('unset variables', () => {
  const defaults = load();

  it.each(all.flatMap(({ name }) => [[name, ''], [name, ' \t ']]))('%s set to %j is unset', (name, value) => {
    expect(load({ [name]: value })).toEqual(defaults);
  });

  it.each(all.filter(({ flag, placeholder }) => flag !== null && placeholder !== null).map(({ flag }) => flag!))('an empty --%s is unset', (flag) => {
    expect(load({}, { [flag]: '' })).toEqual(defaults);
  });

  it('give the documented defaults', () => {
    expect(defaults).toMatchObject({
      host: '127.0.0.1', port: 0, sessionsDir: '/home/learner/.local/share/sidecar/sessions', cacheDir: '/home/learner/.cache/sidecar',
      logFile: null, logLevel: 'info', language: 'en', workbench: false, exitWithParent: false, warnings: [], backendOrigins: null,
      auth: { mode: 'token', token: null, allowedOrigins: [], desktopOrigins: ['null', 'file://', 'http://localhost:3000'] },
      turn: { maxInputLength: 10_000, maxAttemptsBeforeUnlock: 3, batchErrorLogEveryNTurns: 5, memoWaitMs: 8000 },
      execution: { bwrap: null, laneNetwork: { mode: 'off' }, preload: 'auto', poolMb: null, kernelGateway: null },
      models: { turnTokenLimit: 120_000, sessionTokenLimit: null, structured: null },
    });
    expect(defaults.models.endpoints.CA).toEqual({ provider: 'custom', baseUrl: null, apiKey: null, model: null, temperature: null });
  });

  it('are frozen', () => {
    expect(Object.isFrozen(defaults.models.endpoints.CA)).toBe(true);
  });
});

const wrong: Record<string, readonly string[]> = {
  HOST: ['0.0.0.0', '192.168.1.5', '::', 'example.org', '127.0.0.2'],
  PORT: ['abc', '-1', '65536', '80.5', '0x50'],
  SESSIONS_DIR: ['relative', './x', '~/x'],
  LOG_FILE: ['sidecar.log'],
  SIDECAR_LOG_LEVEL: ['loud'],
  SIDECAR_LANG: ['fr', 'english'],
  SIDECAR_AUTH: ['none', 'off'],
  SIDECAR_TOKEN: ['short', 'x'.repeat(31), `${'x'.repeat(40)} y`],
  SIDECAR_ALLOWED_ORIGINS: ['*', 'null', 'http://*', 'https://a.example/', 'https://A.example', 'http://localhost:80', 'file://', 'a.example'],
  SIDECAR_DESKTOP_ORIGINS: ['*', 'null,http://*'],
  SIDECAR_BACKEND_ORIGINS: ['http://evil.example', 'https://u:p@a.example', 'https://a.example/path', 'file:///x'],
  SIDECAR_WORKBENCH: ['maybe'],
  TUTOR_ROOT: ['relative'],
  CURRICULUM_DIR: ['relative'],
  EXPERTS_DIR: ['relative'],
  MAIN_AGENTS_DIR: ['relative'],
  CURRICULUM_TEMPLATES_DIR: ['relative'],
  SIDECAR_PROMPTS_DIR: ['relative'],
  SIDECAR_CONTENT_ROOTS: ['relative', '/tmp:relative'],
  SIDECAR_CONTENT_SIGNATURES: ['maybe'],
  MAX_INPUT_LENGTH: ['0', '10001', 'many'],
  MAX_ATTEMPTS_BEFORE_UNLOCK: ['0', '-3', '101'],
  BATCH_ERROR_LOG_EVERY_N_TURNS: ['0', '1001'],
  TURN_MEMO_WAIT_MS: ['-1', '60001'],
  LLM_FALLBACK_MODEL: [],
  LLM_CONTEXT_TOKENS: ['10', 'x'],
  LLM_STRUCTURED: ['xml'],
  LLM_TURN_TOKEN_LIMIT: ['0'],
  LLM_SESSION_TOKEN_LIMIT: ['0'],
  LLM_DAY_TOKEN_LIMIT: ['0'],
  PYTHON_RUNTIME_ROOT: ['relative'],
  SIDECAR_PYTHON: ['python3'],
  SIDECAR_LAUNCH_PYTHON: ['python3'],
  SIDECAR_BWRAP: ['bwrap'],
  SIDECAR_LANE_NETWORK: ['on', 'hosts:', 'hosts:a b', 'hosts:a:0', 'hosts:a:70000'],
  SIDECAR_PRELOAD: ['os; rm', 'auto,numpy', '../x'],
  SIDECAR_POOL_MB: ['-1', 'much'],
  SIDECAR_KERNEL_GATEWAY_URL: ['http://gateway.example', 'https://u:p@gateway.example', 'gateway'],
  SIDECAR_KERNEL_GATEWAY_TOKEN: ['two words'],
  SIDECAR_KERNEL_GATEWAY_AUTH_SCHEME: ['basic'],
  SIDECAR_KERNEL_GATEWAY_ENV: ['lower=1', 'NAME'],
  SIDECAR_KERNEL_GATEWAY_FILES: ['all', 'shared:relative'],
};
const endpointWrong: Record<string, readonly string[]> = {
  PROVIDER: ['gemini'],
  BASE_URL: ['ftp://a.example', 'a.example', 'https://a.example?x=1', 'https://a.example#x', 'https://user:pass@a.example', 'https://a.example?'],
  API_KEY: ['two words', 'line\nbreak'],
  MODEL: [],
  TEMPERATURE: ['hot', '-1', '2.5'],
};
const wrongFor = (name: string): readonly string[] | undefined =>
  wrong[name] ?? endpointWrong[name.replace(/^LLM_/, '').replace(/_(CA|RMA|MA|EXP|SMALL)$/, '')];

describe('wrong values', () => {
  it('are known for each variable', () => {
    expect(all.filter(({ name }) => wrongFor(name) === undefined).map(({ name }) => name)).toEqual([]);
  });

  it.each(all.flatMap(({ name }) => (wrongFor(name) ?? []).map((value) => [name, value] as const)))('%s=%j is refused by name', (name, value) => {
    expect(problemOf(() => load({ [name]: value })).variable).toBe(name);
  });

  it.each(SECRET_NAMES)('%s is refused without its value', (name) => {
    const { message } = problemOf(() => load({ [name]: 'k3y with spaces' }));

    expect(message).toContain(name);
    expect(message).not.toContain('k3y');
  });

  it('never repeats the credentials of an address', () => {
    expect(problemOf(() => load({ LLM_BASE_URL: 'https://user:hunter2@a.example' })).message).not.toContain('hunter2');
  });

  it('names the flag that was wrong', () => {
    expect(problemOf(() => load({ PORT: '8000' }, { port: 'x' })).message).toBe('PORT (--port) must be a whole number from 0 to 65535, not "x"');
  });
});

describe('values', () => {
  it('of flags win over variables', () => {
    expect(load({ PORT: '8000', HOST: '::1' }, { port: '0', host: 'localhost', workbench: true })).toMatchObject({
      port: 0, host: '127.0.0.1', workbench: true,
    });
  });

  it.each([
    [{ HOST: '[::1]' }, { host: '::1' }],
    [{ SIDECAR_AUTH: 'desktop' }, { language: 'zh' }],
    [{ SIDECAR_AUTH: 'desktop', SIDECAR_LANG: 'en' }, { language: 'en' }],
    [{ SIDECAR_LANG: 'zh-Hans' }, { language: 'zh' }],
    [{ SIDECAR_WORKBENCH: 'ON' }, { workbench: true }],
    [{ SIDECAR_ALLOWED_ORIGINS: 'app://tutor, https://a.example:8443' }, { auth: { allowedOrigins: ['app://tutor', 'https://a.example:8443'] } }],
    [{ SIDECAR_BACKEND_ORIGINS: 'https://b.example/,http://127.0.0.1:9000' }, { backendOrigins: ['https://b.example', 'http://127.0.0.1:9000'] }],
    [{ SIDECAR_LANE_NETWORK: 'hosts:pypi.example,files.example:8080' }, {
      execution: { laneNetwork: { mode: 'hosts', hosts: [{ host: 'pypi.example', port: null }, { host: 'files.example', port: 8080 }] } },
    }],
    [{ SIDECAR_PRELOAD: 'none' }, { execution: { preload: [] } }],
    [{ SIDECAR_PRELOAD: 'numpy,matplotlib.pyplot' }, { execution: { preload: ['numpy', 'matplotlib.pyplot'] } }],
    [{ SIDECAR_KERNEL_GATEWAY_URL: 'https://g.example/', SIDECAR_KERNEL_GATEWAY_ENV: 'TEAM=a,DEPTH=2' }, {
      execution: { kernelGateway: { url: 'https://g.example', environment: { TEAM: 'a', DEPTH: '2' }, files: { mode: 'none' } } },
    }],
    [{ LLM_BASE_URL: 'http://10.0.0.5:8000/v1/' }, { warnings: ['LLM_BASE_URL uses plain http to another machine'] }],
    [{ LLM_BASE_URL: 'http://localhost:11434/v1' }, { warnings: [] }],
  ])('of %j are read', (env, expected) => {
    expect(load(env)).toMatchObject(expected);
  });

  it('of one agent win over the general ones, part by part', () => {
    const { endpoints } = load({
      LLM_PROVIDER: 'openai', LLM_MODEL: 'large', LLM_API_KEY: 'general-key', LLM_MODEL_RMA: 'small', LLM_PROVIDER_EXP: 'anthropic',
      LLM_API_KEY_EXP: 'expert-key', LLM_BASE_URL_EXP: 'https://x.example', LLM_TEMPERATURE_MA: '0.2', LLM_MODEL_SMALL: 'tiny',
    }).models;

    expect(endpoints).toEqual({
      CA: { provider: 'openai', baseUrl: null, apiKey: 'general-key', model: 'large', temperature: null },
      RMA: { provider: 'openai', baseUrl: null, apiKey: 'general-key', model: 'small', temperature: null },
      MA: { provider: 'openai', baseUrl: null, apiKey: 'general-key', model: 'large', temperature: 0.2 },
      EXP: { provider: 'anthropic', baseUrl: 'https://x.example', apiKey: 'expert-key', model: 'large', temperature: null },
      SMALL: { provider: 'openai', baseUrl: null, apiKey: 'general-key', model: 'tiny', temperature: null },
    });
  });

  it('of folders are kept when they exist and are a warning when they do not', async () => {
    await using folder = await createTemporaryFolder();
    await mkdir(folder.join('bundles'));

    const config = load({ TUTOR_ROOT: folder.path, EXPERTS_DIR: folder.join('gone'), SIDECAR_CONTENT_ROOTS: `${folder.join('bundles')}:${folder.join('none')}` });

    expect(config.content).toMatchObject({ tutorRoot: folder.path, expertsDir: null, contentRoots: [folder.join('bundles')] });
    expect(config.cacheDir).toBe(folder.join('cache', 'sidecar'));
    expect(config.warnings.map((warning) => warning.split(':')[0])).toEqual(['EXPERTS_DIR', 'SIDECAR_CONTENT_ROOTS']);
  });

  it('of Windows are Windows paths', () => {
    const config = loadConfig({ env: { SESSIONS_DIR: 'D:\\数据\\s' }, home: 'C:\\Users\\x', platform: 'win32', programDir: 'C:\\p' });

    expect(config).toMatchObject({ sessionsDir: 'D:\\数据\\s', cacheDir: 'C:\\Users\\x\\AppData\\Local\\sidecar\\cache' });
    expect(problemOf(() => loadConfig({ env: { SESSIONS_DIR: 's' }, home: 'C:\\', platform: 'win32' })).variable).toBe('SESSIONS_DIR');
  });

  it('prefers the piped token and checks it too', () => {
    const piped = 'p'.repeat(43);

    expect(loadConfig({ env: { SIDECAR_TOKEN: 'v'.repeat(40) }, home, platform: 'linux', token: piped }).auth.token).toBe(piped);
    expect(problemOf(() => loadConfig({ env: {}, home, platform: 'linux', token: 'abc' })).message).not.toContain('abc');
  });
});

it('takes secrets out of the environment and keeps the rest', () => {
  const env: NodeJS.ProcessEnv = { PATH: '/bin', LLM_API_KEY: 'k1-secret', LLM_API_KEY_EXP: 'k2-secret', SIDECAR_TOKEN: 't-secret', LLM_MODEL: 'm' };

  const taken = takeSecrets(env);

  expect(env).toEqual({ PATH: '/bin', LLM_MODEL: 'm' });
  expect(secretValues(taken).sort()).toEqual(['k1-secret', 'k2-secret', 't-secret']);
});

it('documents each variable once', () => {
  const page = renderConfigurationPage();

  expect(all.map(({ name }) => name).filter((name) => page.split(`| \`${name}\` |`).length !== 2)).toEqual([]);
  expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
});
