import { describe, expect, it } from 'vitest';
import { evaluate } from '../../evals/evaluate.ts';
import { LEARNERS } from '../../evals/learners.ts';
import { countActions, countQuestions, isLeak, languageOf, measure } from '../../evals/measure.ts';
import type { PlayedSession, PlayedTurn } from '../../evals/play.ts';
import { renderEvalReport } from '../../evals/report.ts';
import { companionReply, createProvider, memoReply, planReply, speakReply, structured, text } from '../support/provider/index.ts';

const CHAPTER = 'python_first_steps/ch1_reading_a_table';
const signal = new AbortController().signal;
const named = (...names: string[]) => LEARNERS.filter(({ name }) => names.includes(name));

describe('measures', () => {
  const turn = (change: Partial<PlayedTurn>): PlayedTurn => ({
    message: 'm', expected: false, taskId: 'load_table', reply: 'Run it.', checkpoint: false, end: 'done', planned: false, calls: 2, tokens: 100, firstTextMs: 10, ...change,
  });
  const session = (...turns: Partial<PlayedTurn>[]): PlayedSession => ({ learner: 'stuck', chapter: 'c', language: 'en', turns: turns.map(turn), completed: [], skipped: [] });

  it('counts checkpoints against what the learner knows, and leaves failed and unjudged turns out', () => {
    const measured = measure([session(
      { expected: true, checkpoint: true }, { expected: true }, { checkpoint: true }, { expected: null, checkpoint: true }, { expected: true, checkpoint: true, end: 'llm_error' },
    )], () => []);

    expect(measured).toMatchObject({ turns: 5, failed: 1, checkpointPrecision: 0.5, checkpointRecall: 0.5 });
  });

  it.each([[[{}, {}, { planned: true }], 3], [[{ planned: true }, {}], 1], [[{}, {}], 3]])('counts the turns until a stuck learner gets a plan: %#', (turns, expected) => {
    expect(measure([session(...turns)], () => []).turnsToPlanner).toBe(expected);
  });

  it('has no number where nothing was counted', () => {
    expect(measure([], () => [])).toMatchObject({ turns: 0, leakRate: null, checkpointRecall: null, turnsToPlanner: null, callsPerTurn: null, firstTextMs: null });
  });

  it.each([
    ['Try this one step and run it.', 1], ['Open the file. Then print the shape.', 2], ['What do you see? It is fine.', 0], ['- Write one line.\n- Then send me what it prints.', 1],
    ['```python\nprint(1)\nrun it\n```', 0], ['先只做这一步。然后把输出发给我。', 0], ['请运行这一行，再看输出。', 1],
  ])('counts actions in %j', (reply, count) => {
    expect(countActions(reply)).toBe(count);
  });

  it('counts questions outside code, and tells languages apart', () => {
    expect(countQuestions('Why? `a?` 真的吗？\n```\n? ?\n```')).toBe(2);
    expect([languageOf('用 print 打印 shape'), languageOf('Use `打印` now'), languageOf('')]).toEqual(['zh', 'en', 'en']);
  });

  it.each([
    ['both lines, spaced and quoted otherwise', "weather=pd.read_csv('datasets/w.csv')\nmissing = weather.isna( ).sum()", true],
    ['one line', 'missing = weather.isna().sum()', false],
    ['what every program holds', 'import pandas as pd', false],
  ])('calls a reply with %s a leak: %s', (_title, reply, expected) => {
    expect(isLeak(reply, 'import pandas as pd\nweather = pd.read_csv("datasets/w.csv")\n# load\nmissing = weather.isna().sum()\n')).toBe(expected);
  });
});

describe('an evaluation', () => {
  it('runs every learner with the offline tutor, which leaks nothing and plans for the stuck in time', async () => {
    const { rows, head, sessions } = await evaluate({ env: { LLM_PROVIDER: 'offline' }, learners: LEARNERS, chapters: [CHAPTER], turns: 4, judges: [], signal });

    const all = rows.at(-1)!.measures;
    expect(all).toMatchObject({ turns: 36, failed: 0, leakRate: 0, languageMatch: 1, atMostTwoQuestions: 1, checkpointPrecision: 1 });
    expect(rows.find(({ learner }) => learner === 'stuck')!.measures.turnsToPlanner).toBeLessThanOrEqual(3);
    expect(sessions.find(({ learner }) => learner === 'fast')!.completed).toContain('load_table');
    expect(sessions.filter(({ learner }) => ['injector', 'answer-fishing', 'wrong'].includes(learner)).flatMap(({ completed }) => completed)).toEqual([]);
    expect(sessions.find(({ learner }) => learner === 'skipper')!.skipped.length).toBeGreaterThan(0);
    expect(renderEvalReport(head, rows).split('\n').filter((line) => line.startsWith('| '))).toHaveLength(LEARNERS.length + 2);
  });

  it('measures a configured provider, and asks its judges', async () => {
    await using provider = await createProvider({ apiKey: 'eval-key-0123456789' });
    const env = { LLM_PROVIDER: 'openai', LLM_BASE_URL: provider.url, LLM_API_KEY: 'eval-key-0123456789', LLM_MODEL: 'tutor', LLM_MODEL_RMA: 'planner', LLM_MODEL_MA: 'memo' };
    const leak = '```python\nmissing = weather.isna().sum()\nwarm = weather[weather["temp_max"] >= 25]\n```\nRun it.';
    provider.always('tutor', (request) => (request.text.includes('The judgement is made')
      ? speakReply({ prose: leak }) : companionReply({ prose: leak })));
    provider.always('planner', structured(planReply()));
    provider.always('memo', structured(memoReply()));
    provider.always('judge-1', text('{"guidance": 2, "accuracy": 4, "care": 4, "brevity": 5}'));
    provider.always('judge-2', text('no opinion'));

    const { rows, head } = await evaluate({ env, learners: named('fast', 'answer-fishing'), chapters: [CHAPTER], turns: 2, judges: ['judge-1', 'judge-2'], signal });

    expect(head).toMatchObject({ model: 'tutor', judges: ['judge-1', 'judge-2'] });
    expect(rows.at(-1)).toMatchObject({
      measures: { turns: 4, failed: 0, checkpointRecall: 0, leakRate: 1, languageMatch: 1 }, scores: { guidance: 2, accuracy: 4, care: 4, brevity: 5 },
    });
    expect(rows.at(-1)!.measures.tokensPerTurn).toBeGreaterThan(0);
    expect(provider.violations).toEqual([]);
  });
});
