import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createModels } from '../src/models/index.ts';
import type { ModelGateway } from '../src/models/index.ts';
import { silentLog, systemClock } from '../src/config/index.ts';
import type { ModelSettings } from '../src/config/index.ts';
import { judge, meanScores } from './judge.ts';
import type { Scores } from './judge.ts';
import type { Learner } from './learners.ts';
import { measure } from './measure.ts';
import { playSession } from './play.ts';
import type { PlayedSession } from './play.ts';
import { openTutor } from './open-tutor.ts';
import type { ReportHead, ReportRow } from './report.ts';

export interface EvalOptions {
  env: Readonly<Record<string, string | undefined>>;
  learners: readonly Learner[];
  chapters: readonly string[];
  turns: number;
  /** Model names at the same endpoint; each scores every session. */
  judges: readonly string[];
  signal: AbortSignal;
  /** Told before each session. */
  onSession?(learner: string, chapter: string): void;
}

export interface EvalResult { head: ReportHead; rows: ReportRow[]; sessions: PlayedSession[] }

const SAMPLE = join(import.meta.dirname, '..', 'content', 'curriculum');

/** Lets every learner talk with the tutor in every chapter, one after the other, and measures it. */
export async function evaluate(options: EvalOptions): Promise<EvalResult> {
  const { learners, chapters, turns, signal } = options;
  await using tutor = await openTutor(options.env);
  const sessions: PlayedSession[] = [];
  for (const learner of learners) {
    for (const chapter of chapters) {
      options.onSession?.(learner.name, chapter);
      sessions.push(await playSession(learner, { client: tutor.client, chapter, turns, signal, now: () => systemClock.monotonicMs() }));
    }
  }
  const { models } = tutor.config;
  const scores = await scoreAll(sessions, options.judges.map((model) => judgeModel(models, model)), signal);
  const solutions = new Map(await Promise.all(chapters.map(async (chapter) => [chapter, await readSolutions(chapter)] as const)));
  const solutionsOf = (chapter: string): readonly string[] => solutions.get(chapter) ?? [];
  const rowOf = (name: string, chosen: readonly PlayedSession[]): ReportRow => ({
    learner: name, measures: measure(chosen, solutionsOf), scores: meanScores(chosen.flatMap((session) => scores.get(session) ?? [])),
  });
  const rows = learners.map(({ name }) => rowOf(name, sessions.filter(({ learner }) => learner === name)));
  const model = models.endpoints.CA.model ?? 'offline tutor';
  return { head: { at: systemClock.now().toISOString(), model, judges: options.judges, chapters, turns }, rows: [...rows, rowOf('all', sessions)], sessions };
}

async function scoreAll(sessions: readonly PlayedSession[], judges: readonly ModelGateway[], signal: AbortSignal): Promise<Map<PlayedSession, (Scores | null)[]>> {
  const scores = new Map<PlayedSession, (Scores | null)[]>();
  for (const session of sessions) {
    const given: (Scores | null)[] = [];
    for (const gateway of judges) given.push(await judge(gateway, session, signal));
    scores.set(session, given);
  }
  return scores;
}

/** A gateway of its own, so that judging learns nothing into the measured one. */
function judgeModel(settings: ModelSettings, model: string): ModelGateway {
  const endpoints = { ...settings.endpoints, MA: { ...settings.endpoints.MA, model } };
  const facts = { get: () => null, put: () => undefined };
  return createModels({ settings: { ...settings, endpoints }, facts, clock: systemClock, log: silentLog, tokensSince: () => 0 });
}

/** Reference solutions of a chapter of the sample course; other chapters have none that this run knows. */
async function readSolutions(chapter: string): Promise<string[]> {
  const folder = join(SAMPLE, ...chapter.split('/'), 'scripts');
  const names = await readdir(folder).catch(() => []);
  return await Promise.all(names.filter((name) => name.startsWith('solution')).map(async (name) => await readFile(join(folder, name), 'utf8')));
}
