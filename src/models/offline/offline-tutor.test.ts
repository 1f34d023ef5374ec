import { describe, expect, it } from 'vitest';
import type { ModelRequest, OfflineHints } from '../port.ts';
import { drain, replyRequest } from '../test-models.ts';
import { createOfflineTutor } from './offline-tutor.ts';
import { createOfflineHints } from './test-hints.ts';

const signal = () => new AbortController().signal;
const RUN = { ok: true, stdout: '(122, 6)\n', stderr: '', code: 'print(weather.shape)' };
const BROKEN = { ok: false, stdout: '', stderr: 'Traceback (most recent call last):\n  …\nNameError: name pd is not defined', code: 'pd' };

async function answer(change: Partial<OfflineHints> = {}, request: Partial<ModelRequest> = {}) {
  const hints = createOfflineHints({ purpose: request.purpose ?? 'reply', ...change });
  const { text, parts, error } = await drain(createOfflineTutor().stream(replyRequest({ hints, ...request }), signal()));
  if (error !== null) throw error;
  return { text, parts };
}

async function judge(change: Partial<OfflineHints>) {
  const { text } = await answer(change);
  return JSON.parse(/^@@judgement (.*)\n/.exec(text)![1]!) as Record<string, unknown>;
}

describe('the judgement', () => {
  it.each<[string, Partial<OfflineHints>, object]>([
    ['an attempt', { message: 'I will try' }, { checkpoint: false, blocker: 'none', sentiment: 'engaged', consult: '', skip: '' }],
    ['a wish to skip', { message: 'Can we skip this one?' }, { skip: 'asked', blocker: 'none' }],
    ['跳过', { message: '这个跳过吧' }, { skip: 'asked' }],
    ['a skip with a reason', { message: 'skip, it is too hard' }, { skip: 'asked:too_hard' }],
    ['跳过和原因', { message: '我已经会了，跳过' }, { skip: 'asked:mastered' }],
    ['too wordy', { message: '太啰嗦了，跳过这道题' }, { skip: 'asked:too_wordy' }],
    ['not interested', { message: "I'm not interested, next task please" }, { skip: 'asked:not_interested' }],
    ['no wish to skip', { message: "please don't skip this" }, { skip: '' }],
    ['不要跳过', { message: '不要跳过，我再试试' }, { skip: '' }],
    ['an attempt at a task', { message: '我先做一道题试试' }, { skip: '' }],
    ['a question about the next task', { message: 'What is the next task about?' }, { skip: '' }],
    ['下一个任务是什么', { message: '下一个任务是什么？' }, { skip: '' }],
    ['换一道题', { message: '换一道题吧' }, { skip: 'asked' }],
    ['下一题', { message: '做下一题吧' }, { skip: 'asked' }],
    ['a reason after it was asked for', { message: '太难了', facts: { awaiting_skip_reason: true } }, { skip: 'asked:too_hard' }],
    ['the same words without a question before', { message: '太难了' }, { skip: '', sentiment: 'frustrated' }],
    ['a clean run', { lastRun: RUN }, { checkpoint: true, blocker: 'none' }],
    ['a run without output', { lastRun: { ...RUN, stdout: ' ' } }, { checkpoint: false }],
    ['a broken run', { lastRun: BROKEN }, { checkpoint: false, blocker: 'core_implementation' }],
    ['pasted output that is the target', { message: 'it printed ( 122, 6 )' }, { checkpoint: true }],
    ['a question that names the target', { message: 'why should it be (122, 6)?' }, { checkpoint: false, blocker: 'core_concept', sentiment: 'confused' }],
    ['an English account for a target in words',
      { message: 'I read the file into a dataframe and checked it, everything arrived', targets: ['Read the CSV file into a DataFrame and check that all of it arrived'] },
      { checkpoint: true }],
    ['other words than the target\'s', { message: 'I opened the editor and typed something', targets: ['Read the CSV file into a DataFrame and check that all of it arrived'] },
      { checkpoint: false }],
    ['pasted output for a target in words', { message: '每列的缺失值个数我都打印出来了', targets: ['打印每列的缺失值个数'] }, { checkpoint: true }],
    ['another output', { message: 'it printed (3, 2)' }, { checkpoint: false }],
    ['a question', { message: '什么是 DataFrame？' }, { blocker: 'core_concept', sentiment: 'confused' }],
    ['an error in words', { message: 'KeyError: date' }, { blocker: 'core_implementation' }],
    ['frustration', { message: 'this is so frustrating, nothing works' }, { sentiment: 'frustrated' }],
    ['烦', { message: '好烦，还是不对' }, { sentiment: 'frustrated' }],
    ['麻烦', { message: '麻烦你看看这一行' }, { sentiment: 'engaged' }],
    ['fatigue', { message: '好累' }, { sentiment: 'fatigued' }],
    ['an upload', { newUploads: ['my.csv'] }, { consult: 'user_uploaded_new_data_file' }],
    ['a request for analysis', { message: '帮我分析一下我的数据' }, { consult: 'user_requested_data_analysis' }],
    ['no task at all', { task: null, lastRun: RUN }, { checkpoint: false }],
  ])('reads %s', async (_title, change, expected) => {
    expect(await judge(change)).toMatchObject(expected);
  });
});

describe('the prose', () => {
  it('holds focus, one hint, one action and one request, in the protocol', async () => {
    const { text } = await answer();

    expect(text).toMatch(/^@@judgement \{.*\}\n[\s\S]+\n@@record\n\{.*\}\n@@end\n$/);
    expect(text).toContain('Load the table');
    expect(text).toContain('Which library was made for tables?');
    expect(text).not.toContain('Look for a function with `csv`');
    expect(text).toContain('send me what it prints');
  });

  it.each([[0, 'Which library'], [1, '`csv` in its name'], [4, '`csv` in its name']])('gives the hint of level %d', async (hintLevel, expected) => {
    const { task } = createOfflineHints();

    expect((await answer({ task: { ...task!, hintLevel } })).text).toContain(expected);
  });

  it('labels itself in the first answer only', async () => {
    const first = await answer({ facts: { is_first_answer: true } }, { purpose: 'greet' });
    const later = await answer({}, { purpose: 'greet' });

    expect(first.text.split('\n')[0]).toContain('offline tutor');
    expect(later.text).not.toContain('offline tutor');
    expect(first.text).toContain('Load the table');
  });

  it.each<[string, Partial<OfflineHints>, string]>([
    ['praises what was reached', { purpose: 'speak', judgement: { checkpoint: true, blocker: 'none', consult: '' }, lastRun: RUN }, '(122, 6)'],
    ['passes on what the expert found', { purpose: 'speak', consultResult: 'The file fits.' }, 'The file fits.'],
    ['asks for a reason', { purpose: 'speak', skipNote: { skippedTitle: 'Load', nextTitle: null, needsReason: true } }, 'why'],
    ['introduces the task after a skip', { purpose: 'next_task', skipNote: { skippedTitle: 'Old', nextTitle: 'Load the table', needsReason: false } }, '**First up:** Load the table'],
    ['looks back at the end', { purpose: 'next_task', task: null, openTasks: [] }, 'all required tasks'],
    ['points at the last line of an error', { lastRun: BROKEN }, 'NameError: name pd is not defined'],
    ['makes the step smaller', { message: 'nothing works' }, 'smaller'],
  ])('%s', async (_title, change, expected) => {
    expect((await answer(change, { purpose: change.purpose ?? 'reply' })).text).toContain(expected);
  });

  it.each(['reply', 'speak', 'greet', 'next_task'] as const)('speaks Chinese where the chapter does (%s)', async (purpose) => {
    const { text } = await answer({ language: 'zh', facts: { is_first_answer: true } }, { purpose });

    expect(text).toContain('离线助教');
    expect(text).not.toMatch(/Hint:|First up|Now:/);
  });

  it('comes in small parts, the same each time, without a prompt', async () => {
    const first = await answer({}, { messages: [] });
    const second = await answer({}, { messages: [{ role: 'user', content: 'skip this' }] });

    expect(first).toEqual(second);
    expect(first.parts.length).toBeGreaterThan(10);
    expect(first.parts.filter(({ type }) => type === 'finish')).toHaveLength(1);
  });

  it('stops when it is cancelled', async () => {
    const controller = new AbortController();
    const stream = createOfflineTutor().stream(replyRequest({ hints: createOfflineHints() }), controller.signal)[Symbol.asyncIterator]();
    await stream.next();

    controller.abort();

    await expect(stream.next()).rejects.toMatchObject({ kind: 'aborted' });
  });
});

describe('the other agents', () => {
  const object = async (change: Partial<OfflineHints>, request: Partial<ModelRequest>) =>
    JSON.parse((await answer(change, request)).text) as Record<string, any>;
  const done = { judgement: { checkpoint: true, blocker: 'none', consult: '' }, lastRun: RUN };

  it('completes the task with a quote of the run and goes to the next required one', async () => {
    const plan = await object(done, { agent: 'RMA', purpose: 'plan' });

    expect(plan['state_update']).toEqual({
      subtask_status: { load_table: { status: 'completed', evidence: [{ text: 'ran the code without an error and got the output', quote: '(122, 6)' }] } },
    });
    expect(plan['packet']).toMatchObject({
      current_focus: 'Count the missing values', current_task_id: 'count_missing', recommended_targets: ['Print the number of blanks'],
      lock_until: 'checkpoint_reached', allow_setup_helper_code: false,
    });
    expect(plan['consultation_request']).toBeNull();
  });

  it('keeps the task while nothing is reached', async () => {
    const plan = await object({}, { agent: 'RMA', purpose: 'plan' });

    expect(plan).toMatchObject({ packet: { current_task_id: 'load_table' }, state_update: { subtask_status: {} } });
  });

  it('looks back when the last task is completed', async () => {
    const plan = await object({ ...done, openTasks: [] }, { agent: 'RMA', purpose: 'plan' });

    expect(plan['packet']).toMatchObject({ current_task_id: null });
  });

  it('asks the expert who offers what an upload needs', async () => {
    const judgement = { checkpoint: false, blocker: 'none', consult: 'user_uploaded_new_data_file' };
    const plan = await object({ judgement, newUploads: ['my.csv'] }, { agent: 'RMA', purpose: 'plan' });

    expect(plan['consultation_request']).toMatchObject({
      expert_id: 'data_inspector', expected_output_type: 'suitability_judgment', scenario_id: 'dataset_suitability_check',
      context: { file_name: 'my.csv', task_id: 'load_table' },
    });
  });

  it('asks nobody when no expert offers it', async () => {
    const judgement = { checkpoint: false, blocker: 'none', consult: 'user_uploaded_new_data_file' };

    expect((await object({ judgement, experts: [] }, { agent: 'RMA', purpose: 'plan' }))['consultation_request']).toBeNull();
  });

  it('turns an expert result into guidance', async () => {
    expect(await object({ consultResult: 'It fits.' }, { agent: 'RMA', purpose: 'integrate' })).toMatchObject({ expert_consultation_summary: 'It fits.' });
  });

  it('notes progress and errors', async () => {
    const progress = await object(done, { agent: 'MA', purpose: 'memo' });
    const trouble = await object({ lastRun: BROKEN }, { agent: 'MA', purpose: 'memo' });

    expect(progress).toMatchObject({ progress_delta: 'checkpoint_reached', struggles: { add: [] }, error_entries: [] });
    expect(trouble['error_entries']).toEqual([{ error_type: 'coding', description: 'NameError: name pd is not defined', context: 'pd' }]);
  });

  it('quotes the learner\'s line that meets the target, not the words before it', async () => {
    const message = 'I ran this:\nweather = pd.read_csv("w.csv")\nand it printed (122, 6)';

    const plan = await object({ message, judgement: { checkpoint: true, blocker: 'none', consult: '' } }, { agent: 'RMA', purpose: 'plan' });

    expect(plan['state_update'].subtask_status.load_table.evidence[0].quote).toBe('and it printed (122, 6)');
  });

  it('proves a task only before the planner has moved on', async () => {
    const evidence = async (purpose: 'reply' | 'speak') => {
      const { text } = await answer(done, { purpose });
      return (JSON.parse(/@@record\n(.*)\n@@end/.exec(text)![1]!) as Record<string, unknown>)['evidence_for_subtasks'];
    };

    expect(await evidence('reply')).toMatchObject([{ subtask_id: 'load_table', quote: '(122, 6)' }]);
    expect(await evidence('speak')).toEqual([]);
  });

  it.each([
    ['CA', 'ca_teaching_mode'], ['RMA', 'packet'], ['MA', 'memory_delta'],
  ] as const)('repairs the object of %s', async (agent, key) => {
    expect(await object({}, { agent, purpose: 'repair' })).toHaveProperty(key);
  });

  it('tells the facts at the end', async () => {
    const { text } = await answer({ facts: { completed: ['Load the table'], skipped: ['An extra'], open: [] } }, { agent: 'MA', purpose: 'final_report' });
    const counted = await answer({ facts: { task_states: { a: 'completed', b: 'skipped' } } }, { agent: 'MA', purpose: 'final_report' });

    expect(text).toContain('You completed "Load the table".');
    expect(counted.text).toContain('You completed 1 of 2 tasks and skipped 1.');
  });
});

describe('a consultation', () => {
  const tools = ['check_suitability', 'read_knowledge', 'finish'].map((name) => ({ name, description: '', inputSchema: {} }));
  const consult = async (facts: Record<string, unknown>, offered: typeof tools | undefined = tools) => {
    const { text, parts } = await answer({ facts }, { agent: 'EXP', purpose: 'consult', tools: offered });
    const call = parts.find((part) => part.type === 'tool_call');
    return call?.type === 'tool_call' ? { name: call.call.name, input: JSON.parse(call.call.input) as unknown } : { text };
  };
  const facts = { output_type: 'suitability_judgment', question: 'fits?', file_name: 'my.csv', task_requirements: { minimum_rows: 2 } };

  it('measures first and finishes with the result', async () => {
    const first = await consult(facts);
    const second = await consult({ ...facts, tool_results: [{ name: 'check_suitability', result: { is_suitable: true, blocking_issues: [], warning_issues: ['x'] } }] });

    expect(first).toEqual({ name: 'check_suitability', input: { file_name: 'my.csv', task_requirements: { minimum_rows: 2 } } });
    expect(second).toMatchObject({
      name: 'finish', input: { output: { output_type: 'suitability_judgment', is_suitable: true, warning_issues: ['x'], confidence: 'high' } },
    });
  });

  it('explains a concept from the knowledge files', async () => {
    const knowledge = [{ name: 'column_types', text: '# Types\n\nA column holds one type.' }, { name: 'missing_values', text: '# Missing\n\nA blank cell is no zero.' }];

    expect(await consult({ output_type: 'concept_explanation', question: 'What are missing values?', knowledge })).toMatchObject({
      name: 'finish', input: { output: { definition: 'A blank cell is no zero.', knowledge_sources: [{ doc: 'missing_values' }] } },
    });
  });

  const median = { name: 'median.md', text: '# Median\n\nThe middle value of a sorted row.\n\n```python\nweather["rain_mm"].median()\n```\n\nIt is like the person in the middle of a queue.' };
  it.each([
    ['analogy', [median], { analogy_description: 'It is like the person in the middle of a queue.', limitations: '' }],
    ['analogy', [{ ...median, text: 'The middle value.' }], { analogy_description: 'The middle value.', limitations: expect.stringContaining('no comparison') }],
    ['code_example', [median], { example_code: 'weather["rain_mm"].median()', explanation: 'The middle value of a sorted row.' }],
    ['code_example', [], { example_code: expect.stringMatching(/^# .*no program/), explanation: expect.stringContaining('does not cover') }],
  ])('answers %s from the knowledge alone', async (type, knowledge, expected) => {
    expect(await consult({ output_type: type, concept: 'median', question: 'What is a median?', knowledge })).toMatchObject({
      name: 'finish', input: { output: { output_type: type, concept_name: 'median', confidence: 'low', ...expected } },
    });
  });

  it('writes the same step as text where there are no native tools', async () => {
    const { parts } = await answer({ facts }, { agent: 'EXP', purpose: 'consult' });

    expect(parts.some(({ type }) => type === 'tool_call')).toBe(false);
    expect(JSON.parse((await answer({ facts }, { agent: 'EXP', purpose: 'consult' })).text)).toMatchObject({ tool: 'finish' });
  });
});
