import { createProvider, companionReply, memoReply, planReply, recordReply, speakReply, structured } from './provider/index.ts';
import type { CompanionReplyFields, Match, Provider } from './provider/index.ts';
import { startSidecar } from './sidecar-process.ts';
import type { SidecarOptions, SidecarProcess } from './sidecar-process.ts';
import { createTemporaryFolder } from './temporary-folder.ts';

/** One model name per agent, so that scripts and assertions tell the agents apart. */
export const CA = 'ca-model';
export const RMA = 'rma-model';
export const MA = 'ma-model';
export const SMALL = 'small-model';

export const API_KEY = 'sk-scripted-0123456789';

/** The settings that send every agent to the provider. */
export function modelEnvironment(provider: { url: string }): Record<string, string> {
  return {
    LLM_PROVIDER: 'openai', LLM_BASE_URL: provider.url, LLM_API_KEY: API_KEY, LLM_MODEL: CA,
    LLM_MODEL_CA: CA, LLM_MODEL_RMA: RMA, LLM_MODEL_MA: MA, LLM_MODEL_EXP: 'exp-model', LLM_MODEL_SMALL: SMALL,
  };
}

/** A built sidecar on its own data folder, with a scripted provider. */
export interface Tutor extends AsyncDisposable {
  readonly provider: Provider;
  /** The running process; another one after `restart`. */
  readonly sidecar: SidecarProcess;
  readonly sessionsDir: string;
  /** Ends the process with a signal (SIGKILL unless told) and starts the program again on the same folder. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  history(sessionId: string): Promise<any[]>;
  state(sessionId: string): Promise<any>;
  report(sessionId: string): Promise<string>;
  usage(sessionId: string): Promise<any>;
  /** Everything that a failed turn must leave as it was. */
  trace(sessionId: string): Promise<unknown>;
}

/** Starts provider and sidecar; quiet replies stand ready for every agent. Without Python, so that no worker is warmed beside the turns. */
export async function startTutor(options: SidecarOptions = {}): Promise<Tutor> {
  const provider = await createProvider({ apiKey: API_KEY });
  const folder = await createTemporaryFolder('tutor');
  const sessionsDir = options.sessionsDir ?? folder.path;
  const start = (): Promise<SidecarProcess> =>
    startSidecar({ ...options, sessionsDir, env: { ...modelEnvironment(provider), SIDECAR_PYTHON: folder.join('no-python'), ...options.env } });
  let sidecar = await start().catch(async (error: unknown) => {
    await provider.close();
    await folder[Symbol.asyncDispose]();
    throw error;
  });
  scriptQuietly(provider);
  const read = async (sessionId: string, route: string): Promise<any> => (await sidecar.call('GET', `/api/session/${sessionId}/${route}`)).body;
  const tutor: Tutor = {
    provider, sessionsDir,
    get sidecar() { return sidecar; },
    restart: async (signal = 'SIGKILL') => {
      await sidecar.kill(signal);
      sidecar = await start();
    },
    history: async (sessionId) => (await read(sessionId, 'history')).turns,
    state: async (sessionId) => (await read(sessionId, 'state')).state,
    report: async (sessionId) => (await read(sessionId, 'dynamic_report')).report,
    usage: async (sessionId) => await read(sessionId, 'usage'),
    trace: async (sessionId) => [await tutor.history(sessionId), await tutor.state(sessionId), await tutor.report(sessionId)],
    [Symbol.asyncDispose]: async () => {
      await sidecar[Symbol.asyncDispose]();
      await provider.close();
      await folder[Symbol.asyncDispose]();
    },
  };
  return tutor;
}

/** Standing replies: a locked turn, a plan, an empty memo, a record. */
export function scriptQuietly(provider: Provider): void {
  provider.always(CA, companionReply());
  provider.always(RMA, structured(planReply()));
  provider.always(MA, structured(memoReply()));
  provider.always(SMALL, structured(recordReply()));
}

/** Scripts the two companion calls of an unlocked turn. */
export function scriptUnlock(provider: Provider, fields: CompanionReplyFields, match: Match = CA): void {
  provider.script(match, companionReply({ prose: 'NEVER SHOWN', ...fields }), speakReply({ prose: 'Here is the new step.' }));
}

/** The greeting that the desktop sends first. */
export const GREETING = '[系统：学生刚刚进入本章节，请用简短友好的方式开场。]';
