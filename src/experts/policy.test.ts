import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { sampleCall, sampleTurn } from '../../tests/support/store-rows.ts';
import { createTemporaryFolder } from '../../tests/support/temporary-folder.ts';
import { silentLog, systemClock } from '../config/index.ts';
import { ExpertReportSchema, REPORT_ID_PATTERN } from '../contracts/index.ts';
import { openStore } from '../store/index.ts';
import { createLane, judged, openBench, SESSION, writePackage } from './bench.test-support.ts';
import type { Bench } from './bench.test-support.ts';

const QUESTION = {
  expert_id: 'data_inspector', expected_output_type: 'suitability_judgment', question: 'Does it fit?', scenario_id: 'dataset_suitability_check', context: { file_name: 'mine.csv' },
};
const CONCEPT = { expert_id: 'data_inspector', expected_output_type: 'concept_explanation', question: 'What is a median?' };
const withConfig = (yaml: string) => (content: Bench['content']) =>
  ({ ...content, chapter: { ...content.chapter, consultation_config: `chapter_id: x\nversion: "1.0"\n${yaml}` } });

describe('a question to an expert', () => {
  const forbidden = withConfig('available_experts: [data_inspector]\nbinding_rules: { must_not_consult: [dataset_suitability_check] }\n');
  it.each<[string, object, string, Parameters<typeof openBench>[0]]>([
    ['a broken request', { ...QUESTION, question: '' }, 'schema', {}],
    ['an oversized context', { ...QUESTION, context: { student_evidence: 'x'.repeat(9000) } }, 'schema', {}],
    ['an unknown expert', { ...QUESTION, expert_id: 'nobody' }, 'unknown_expert', { change: forbidden }],
    ['an expert of other chapters', { ...QUESTION, expert_id: 'code_checker' }, 'not_available_in_chapter', { change: forbidden }],
    ['a forbidden scenario', { ...QUESTION, expected_output_type: 'poem' }, 'must_not_consult', { change: forbidden }],
    ['an output the expert does not give', { ...QUESTION, expected_output_type: 'poem', context: { file_name: 'gone.csv' } }, 'output_type_not_offered', {}],
    ['a file that is not there', { ...QUESTION, context: { file_name: 'gone.csv' } }, 'file_not_found', {}],
    ['a file outside', { ...QUESTION, context: { file_name: '../../etc/passwd' } }, 'file_not_found', {}],
    ['a lane that is not there', QUESTION, 'lane_unavailable', { lane: null }],
  ])('is denied for %s, before anything happens', async (_title, request, code, options) => {
    await using bench = await openBench(options);

    const outcome = await bench.consultant.consult(request, bench.turn(), 1);

    expect(outcome).toMatchObject({ kind: 'denied', code });
    expect(bench.events).toEqual([]);
    expect(bench.store.consultations.list(SESSION)).toEqual([]);
  });

  it('is denied when the turn had its consultation, also before a missing lane', async () => {
    await using bench = await openBench({ lane: null });
    await bench.consultant.consult(CONCEPT, bench.turn(), 1);

    expect(await bench.consultant.consult(QUESTION, bench.turn(), 2)).toMatchObject({ kind: 'denied', code: 'turn_limit' });
    expect(await bench.consultant.consult(CONCEPT, bench.turn('trn_2'), 1)).toMatchObject({ kind: 'answered' });
  });

  it('is denied when the turn has used its tokens', async () => {
    await using bench = await openBench();
    const turn = bench.turn();
    bench.store.ledger.insert(sampleCall(SESSION, { usage: { input_tokens: 130_000, output_tokens: 0 } }));

    expect(await bench.consultant.consult(QUESTION, turn, 1)).toMatchObject({ kind: 'denied', code: 'budget' });
  });

  it('is not offered what needs the lane where it cannot run; concepts still are', async () => {
    const lane = createLane();
    lane.refused = 'network is absent';
    await using bench = await openBench({ lane });
    await bench.consultant.consult(CONCEPT, bench.turn(), 1);

    const { session, content } = bench.turn();
    expect(bench.consultant.expertsFor(session, content)).toMatchObject([
      { id: 'data_inspector', outputModes: ['concept_explanation'] }, { id: 'code_checker', outputModes: ['error_diagnosis', 'validation_report'] },
    ]);
  });

  it('shows in the capabilities what can be asked here', async () => {
    await using bench = await openBench({ lane: null });

    expect(await bench.consultant.describe()).toMatchObject([
      { expert_id: 'code_checker', output_modes: ['error_diagnosis', 'validation_report'], tools: ['list_files', 'read_text', 'finish'], source: 'packaged' },
      { expert_id: 'data_inspector', output_modes: ['concept_explanation'], tools: ['list_files', 'read_knowledge', 'read_skill', 'finish'] },
    ]);
  });

  it('tells in the capabilities which package that a session brought cannot be used, once', async () => {
    await using experts = await createTemporaryFolder('packages');
    await writePackage(experts.path, 'own_expert', { output_modes: [] });
    await using bench = await openBench();
    const context = { bundle_paths: { experts_shared_path: experts.path } };
    for (const id of [SESSION, 's2']) {
      const session = bench.turn().session;
      await bench.consultant.prepare({ ...session, session_id: id, desktop_context: context }, new AbortController().signal);
    }

    const problems = (await bench.consultant.describe()).filter(({ expert_id: id }) => id === 'own_expert');

    expect(problems).toMatchObject([{ code: 'package_broken', severity: 'error', path: 'own_expert/principles.md' }]);
  });

  it('finds an update of a package at once', async () => {
    await using experts = await createTemporaryFolder('packages');
    await writePackage(experts.path, 'data_inspector', { output_modes: ['poem'] });
    await using bench = await openBench({ expertsDir: experts.path });
    const before = await bench.consultant.consult(CONCEPT, bench.turn(), 1);
    await writePackage(experts.path, 'data_inspector', { output_modes: ['concept_explanation'] });

    expect(before).toMatchObject({ kind: 'denied', code: 'output_type_not_offered' });
    expect(await bench.consultant.consult(CONCEPT, bench.turn(), 1)).toMatchObject({ kind: 'answered' });
  });
});

const CHAPTER_WANTS = ['group', 'score'];

describe('a trigger of the chapter', () => {
  const ask = (bench: Bench, newUploads: string[]) => {
    const { session, content } = bench.turn();
    return bench.consultant.triggeredRequest({ session, content, state: session.state, newUploads, judgement: { checkpoint: false, blocker: 'none' } });
  };

  it('fires once for a file, again for another, and again when its turn came to nothing', async () => {
    await using bench = await openBench();
    await bench.addUpload('more.csv', 'group,score\na,1\n');

    expect(ask(bench, ['mine.csv'])).toMatchObject({ expert_id: 'data_inspector', context: { file_name: 'mine.csv' } });
    expect(ask(bench, ['mine.csv'])).not.toBeNull();
    bench.consultant.commit('trn_1');
    expect(ask(bench, ['mine.csv'])).toBeNull();
    expect(ask(bench, ['mine.csv', 'more.csv'])).toMatchObject({ context: { file_name: 'more.csv' } });
  });

  it('does not fire for the same bytes under another name, nor without an upload', async () => {
    await using bench = await openBench();
    ask(bench, ['mine.csv']);
    bench.consultant.commit('trn_1');
    await bench.addUpload('copy.csv', 'x', 'sha-group,mark\na,1\nb,2\n');

    expect(ask(bench, ['copy.csv'])).toBeNull();
    expect(ask(bench, [])).toBeNull();
  });

  it.each<[string, { fires: boolean; change: Record<string, unknown> }, string[] | null]>([
    ['the file that it fires for', { fires: true, change: {} }, CHAPTER_WANTS],
    ['that file, unnamed', { fires: true, change: { context: {} } }, CHAPTER_WANTS],
    ['that file, in the folder that experts see', { fires: true, change: { context: { file_name: 'inputs/mine.csv' } } }, CHAPTER_WANTS],
    ['a file whose bytes it has fired for', { fires: false, change: {} }, CHAPTER_WANTS],
    ['another upload of the same turn', { fires: true, change: { context: { file_name: 'other.csv' } } }, CHAPTER_WANTS],
    ['uploads that nobody names', { fires: false, change: { context: {} } }, CHAPTER_WANTS],
    ['an upload that only the question names', { fires: false, change: { question: 'And mine.csv?', context: { file_name: 'given.csv' } } }, CHAPTER_WANTS],
    ['a file that is held against nothing', { fires: false, change: { context: { file_name: 'mine.csv', task_requirements: {} } } }, CHAPTER_WANTS],
    ['a file with the planner’s own requirements', { fires: true, change: { context: { file_name: 'mine.csv', task_requirements: { required_columns: ['x'] } } } }, ['x']],
    ['a dataset of the chapter', { fires: true, change: { context: { file_name: 'given.csv' } } }, null],
    ['a file of another kind', { fires: true, change: { context: { file_name: 'mine.tsv' } } }, null],
  ])('keeps its requirements in the planner’s question about %s, as far as it asks there', async (_title, { fires, change }, columns) => {
    await using bench = await openBench();
    await bench.addUpload('other.csv', 'a\n1\n');
    await bench.addUpload('mine.tsv', 'a\n1\n');
    await bench.addUpload('given.csv', 'a\n1\n');
    bench.store.files.put({ ...bench.store.files.list(SESSION, 'upload').find(({ name }) => name === 'given.csv')!, origin: 'bundle' });
    if (fires) ask(bench, ['other.csv', 'mine.csv']);

    await bench.consultant.consult({ ...QUESTION, ...change }, bench.turn(), 1);

    const { context } = JSON.parse(await readFile(bench.file('expert_workspace/consultations/consult_0001/request.json'), 'utf8'));
    expect(context.task_requirements?.required_columns ?? null).toEqual(columns);
  });

  it('hands its requirements to the tool, and tells whether a judgement was made under any', async () => {
    const lane = createLane(({ stdin }) => judged({ file_name: JSON.parse(stdin ?? '').input.file_name }));
    await using bench = await openBench({ lane });
    await bench.addUpload('mine.tsv', 'a\n1\n');

    const held = await bench.consultant.consult(QUESTION, bench.turn(), 1);
    const free = await bench.consultant.consult({ ...QUESTION, context: { file_name: 'mine.tsv' } }, bench.turn('trn_2'), 1);

    expect([held, free]).toMatchObject([{ kind: 'answered', underRequirements: true }, { kind: 'answered', underRequirements: false }]);
    expect(lane.calls.map(({ stdin }) => JSON.parse(stdin ?? '').input.task_requirements?.required_columns ?? null)).toEqual([CHAPTER_WANTS, null]);
  });

  it('fires in a later turn for the upload that the planner did not ask about', async () => {
    await using bench = await openBench();
    await bench.addUpload('more.csv', 'group,score\na,1\n');
    await bench.addUpload('last.csv', 'group,score\nb,1\n');
    ask(bench, ['mine.csv', 'more.csv', 'last.csv']);
    await bench.consultant.consult(QUESTION, bench.turn(), 1);
    bench.consultant.commit('trn_1');

    const second = ask(bench, []);
    await bench.consultant.consult(second, bench.turn('trn_2'), 1);
    bench.consultant.commit('trn_2');
    const third = ask(bench, []);
    bench.consultant.commit(bench.turn('trn_3').turnId);

    expect([second, third].map((request) => request?.context['file_name'])).toEqual(['last.csv', 'more.csv']);
    expect(ask(bench, [])).toBeNull();
  });

  it('waits while the learner skips, and not for an upload that is gone', async () => {
    await using bench = await openBench();
    ask(bench, ['mine.csv']);
    bench.store.turns.update(bench.turn().turnId, { decision: { route: 'skip' } });
    bench.consultant.commit('trn_1');

    expect(ask(bench, [])).toMatchObject({ context: { file_name: 'mine.csv' } });
    bench.store.files.remove(SESSION, 'upload', 'mine.csv');
    expect(ask(bench, [])).toBeNull();
  });

  it('does not fire where its expert cannot run', async () => {
    await using bench = await openBench({ lane: null });

    expect(ask(bench, ['mine.csv'])).toBeNull();
  });
});

describe('reports', () => {
  it('are made at the commit, in rows and files that agree', async () => {
    await using bench = await openBench();
    await bench.consultant.consult(QUESTION, bench.turn(), 1);
    expect(bench.store.expertReports.list(SESSION)).toEqual([]);

    bench.consultant.commit('trn_1');
    await bench.consultant.settled();

    const [row] = bench.store.expertReports.list(SESSION);
    const report = { ...row!.body, report_id: row!.report_id, consultation_id: row!.consultation_id, user_turn_index: 0, expert_id: row!.expert_id, created_at: row!.created_at };
    expect(row!.report_id).toMatch(REPORT_ID_PATTERN);
    expect(ExpertReportSchema.parse(report)).toMatchObject({
      report_id: 'report_0000_01', binding_effect: 'abort_task_path', title: 'Does this dataset fit the task?', executions: ['exe_1'],
      key_findings: ["required columns are missing: 'score'"], summary: 'The file does not fit the task.', evidence: { row_count: 2 },
    });
    expect(JSON.parse(await readFile(bench.file('expert_reports/report_0000_01.json'), 'utf8'))).toEqual(report);
    const index = JSON.parse(await readFile(bench.file('expert_reports/index.json'), 'utf8'));
    expect(index.reports).toMatchObject([{ report_id: 'report_0000_01', consultation_id: 'consult_0001', binding_effect: 'abort_task_path' }]);
    expect(bench.store.consultations.get(SESSION, 'consult_0001')?.status).toBe('completed');
  });

  it('are not made for a turn that was cancelled after the answer', async () => {
    await using bench = await openBench();
    const turn = bench.turn();
    await bench.consultant.consult(CONCEPT, turn, 1);
    bench.store.turns.update('trn_1', { end: 'cancelled' });

    await bench.consultant.prepare(turn.session, AbortSignal.timeout(60_000));

    expect(bench.store.consultations.get(SESSION, 'consult_0001')?.status).toBe('aborted');
    bench.consultant.commit('trn_1');
    expect(bench.store.expertReports.list(SESSION)).toEqual([]);
  });

  it.each<[string, (bench: Bench) => Promise<void>]>([
    ['as soon as its turn has come to nothing', async ({ consultant }) => await consultant.abandon('trn_1')],
    ['at the next start, when the process died behind the answer', async ({ consultant }) => await consultant.recover()],
  ])('are not made for an answer that is closed as aborted %s', async (_title, close) => {
    await using bench = await openBench();
    await bench.consultant.consult(CONCEPT, bench.turn(), 1);

    await close(bench);

    expect(bench.store.consultations.get(SESSION, 'consult_0001')).toMatchObject({ status: 'aborted', body: { termination_reason: 'aborted' } });
    expect(JSON.parse(await readFile(bench.file('expert_workspace/consultations/consult_0001/meta.json'), 'utf8'))).toMatchObject({ status: 'aborted' });
    bench.consultant.commit('trn_1');
    expect(bench.store.expertReports.list(SESSION)).toEqual([]);
  });

  it('of a rolled back commit leave no row and no file', async () => {
    await using bench = await openBench();
    await bench.consultant.consult(CONCEPT, bench.turn(), 1);

    expect(() => bench.store.transaction(() => {
      bench.consultant.commit('trn_1');
      throw new Error('disk full');
    })).toThrow('disk full');
    await bench.consultant.settled();

    expect(bench.store.expertReports.list(SESSION)).toEqual([]);
    await expect(readFile(bench.file('expert_reports/index.json'))).rejects.toThrow();
  });

  it('are not made for what an earlier process left running', async () => {
    await using folder = await createTemporaryFolder('experts');
    const store = await openStore({ dir: folder.path, clock: systemClock, log: silentLog });
    await using bench = await openBench({ sessionsDir: folder.path, store });
    store.turns.insert(sampleTurn('trn_9', SESSION));
    store.consultations.insert({
      session_id: SESSION, consultation_id: store.consultations.mintId(SESSION), turn_id: 'trn_9', turn_index: 3, expert_id: 'data_inspector', status: 'running',
      created_at: '2026-01-01T00:00:00.000Z', ended_at: null, body: {},
    });

    await bench.consultant.recover();

    expect(store.consultations.open()).toEqual([]);
    expect(store.consultations.list(SESSION)).toMatchObject([{ status: 'aborted', body: { termination_reason: 'aborted' } }]);
    expect(await bench.consultant.consult(CONCEPT, bench.turn(), 1)).toMatchObject({ consultationId: 'consult_0002' });
    store.close();
  });
});
