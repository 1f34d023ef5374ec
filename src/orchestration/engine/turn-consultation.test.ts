import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { BindingRule, LedgerRow } from '../../contracts/index.ts';
import { companionReply, gate, integrateReply, planReply, speakReply, status, structured, text } from '../../../tests/support/provider/index.ts';
import { expectOrder, noticesOf, orderOf, textOf } from '../../../tests/support/turn-order.ts';
import type { Consultant, ConsultationOutcome, ConsultingTurn } from './consultant-contract.ts';
import { MODELS, SESSION, openEngineBench } from './engine-bench.test-support.ts';
import type { EngineBench } from './engine-bench.test-support.ts';

const REQUEST = { expert_id: 'data_inspector', expected_output_type: 'dataset_overview', question: 'How many rows?' };
const OUTPUT = { answer_summary: 'The table has 122 rows.', recommended_next_step: 'Ask for df.shape.' };
const EXPERT = { id: 'data_inspector', description: 'reads tables', outputModes: ['dataset_overview'] };

/** What the expert does once it has begun; throws only for an abort. */
type Work = (turn: ConsultingTurn) => Promise<Omit<Extract<ConsultationOutcome, { kind: 'answered' }>, 'consultationId' | 'expertId' | 'question'>
  | { kind: 'failed'; code: string }>;

function consultantOf(work: Work, change: Partial<Consultant> = {}): Consultant {
  return {
    prepare: async () => {},
    expertsFor: () => [EXPERT],
    rulesFor: () => ({ texts: [], binding: [], roundsPerTurn: 1 }),
    triggeredRequest: () => null,
    consult: async (request, turn) => {
      const consultation_id = 'consult_0001';
      turn.emit({ type: 'consultation_start', expert_id: request.expert_id, title: 'Data inspector', consultation_id, scenario_id: 'rma_custom' });
      turn.countAttempt(expertCall(turn));
      return { ...await work(turn), consultationId: consultation_id, expertId: request.expert_id, question: request.question };
    },
    commit: () => {},
    ...change,
  };
}

const expertCall = (turn: ConsultingTurn): LedgerRow => ({
  turn_id: turn.turnId, session_id: SESSION, agent: 'EXP', purpose: 'consult', model: 'exp-model', endpoint: 'e', attempt: 1,
  usage: { input_tokens: 11, output_tokens: 7 }, estimated: false, ttft_ms: 1, total_ms: 2, finish: 'stop', repaired: false,
  prompt_hash: 'h', manifest: {}, at: '2026-01-01T00:00:00.000Z',
});

const answered: Work = async () => ({ kind: 'answered', underRequirements: true, output: OUTPUT });
/** An expert at work until its turn is aborted. */
const endless: Work = async (turn) => {
  await delay(60_000, undefined, { signal: turn.signal });
  throw new Error('nobody aborted the turn');
};

function scriptConsultation({ provider }: EngineBench, ...integration: Parameters<EngineBench['provider']['script']>[1][]): void {
  provider.script(MODELS.CA, companionReply({ judgement: { consult: 'user_requested_data_analysis' }, prose: 'NEVER' }), speakReply({ prose: 'It has 122 rows.' }));
  provider.script(MODELS.RMA, structured(planReply({ consultation_request: REQUEST })), ...integration);
}

describe('a turn with an expert', () => {
  it('asks between plan and answer, and tells the companion only summary and guidance', async () => {
    await using bench = await openEngineBench({ consultant: consultantOf(answered) });
    scriptConsultation(bench, structured(integrateReply({ guidance_for_ca: 'Name the number of rows.' })));

    const events = await bench.turn('How big is it?');

    expectOrder(events, 'expert');
    expect(orderOf(events)).toBe('start U(RMA) ask U(EXP) U(RMA) answered text chunk done U(CA) U(MA) complete');
    const speak = bench.provider.requests.filter((request) => request.model === MODELS.CA)[1]!;
    expect(speak.text).toContain('Name the number of rows.');
    expect(speak.text).not.toContain(OUTPUT.answer_summary);
    expect(bench.store.history.list(SESSION)[0]?.token_usage).toMatchObject({ EXP: { input_tokens: 11, output_tokens: 7 } });
  });

  it('shows the planner the packet that it has just written when it integrates the answer', async () => {
    await using bench = await openEngineBench({ consultant: consultantOf(answered) });
    bench.provider.script(MODELS.CA, companionReply({ judgement: { consult: 'user_requested_data_analysis' }, prose: 'NEVER' }), speakReply());
    bench.provider.script(MODELS.RMA, structured(planReply({ packet: { current_focus: 'the focus of this turn' }, consultation_request: REQUEST })), structured(integrateReply()));
    const before = bench.row().packet.current_focus;

    await bench.turn('How big is it?');

    const integrate = bench.provider.requests.filter((request) => request.model === MODELS.RMA)[1]!.text;
    expect(integrate).toContain('"current_focus": "the focus of this turn"');
    expect(integrate).not.toContain(`"current_focus": "${before}"`);
  });

  it.each<[string, Record<string, unknown>, string[], boolean?]>([
    ['a table that a tool found to fit', { output_type: 'suitability_judgment', is_suitable: true, answer_summary: 'The table fits.' }, ['The table fits.']],
    ['a table that was held against no requirements', { output_type: 'suitability_judgment', is_suitable: true, answer_summary: 'It is a table.' }, [], false],
    ['a table that does not fit', { output_type: 'suitability_judgment', is_suitable: false, answer_summary: 'Too few rows.' }, []],
    ['a claim of the expert alone', { output_type: 'validation_report', is_valid: true, answer_summary: 'All done.' }, []],
  ])('takes as strong evidence only what a tool established: %s', async (_title, output, texts, underRequirements = true) => {
    await using bench = await openEngineBench({ consultant: consultantOf(async () => ({ kind: 'answered', underRequirements, output })) });
    scriptConsultation(bench, structured(integrateReply({})));

    await bench.turn('Here is my table.');

    const log = bench.store.sessions.get(SESSION)!.state.ext!.evidence_log.filter((item) => item.source === 'expert');
    expect(log.map(({ text: words, strength, verified }) => ({ words, strength, verified })))
      .toEqual(texts.map((words) => ({ words, strength: 'strong', verified: true })));
  });

  it('builds both texts from the output when the planner cannot integrate it', async () => {
    await using bench = await openEngineBench({ consultant: consultantOf(answered) });
    scriptConsultation(bench, status(400, { error: { message: 'no' } }));

    const events = await bench.turn('How big is it?');

    expectOrder(events, 'expert');
    expect(bench.provider.requests.filter((request) => request.model === MODELS.CA)[1]!.text).toContain(OUTPUT.recommended_next_step);
  });

  it('goes on without an expert that fails', async () => {
    await using bench = await openEngineBench({ consultant: consultantOf(async () => ({ kind: 'failed', code: 'DEADLINE' })) });
    scriptConsultation(bench);

    const events = await bench.turn('How big is it?');

    expectOrder(events, 'failingExpert');
    expect(events.find((event) => event.type === 'consultation_error')).toMatchObject({ code: 'DEADLINE', error: expect.stringMatching(/\w/) });
    expect(bench.store.systemEvents.list(SESSION, 10).map((event) => event.event_type)).toEqual(['expert_consultation_failed']);
    expect(textOf(events)).toBe('It has 122 rows.');
  });

  it('emits nothing of a request that policy denies', async () => {
    const consult: Consultant['consult'] = async (request) => ({ kind: 'denied', code: 'unknown_expert', expertId: request.expert_id });
    await using bench = await openEngineBench({ consultant: consultantOf(answered, { consult }) });
    scriptConsultation(bench);

    expectOrder(await bench.turn('How big is it?'), 'unlocked');
    expect(bench.store.systemEvents.list(SESSION, 10).map((event) => event.event_type)).toEqual(['consultation_denied']);
  });

  it.each<[string, Extract<ConsultationOutcome, { kind: 'denied' | 'failed' }>]>([
    ['denied', { kind: 'denied', code: 'limit', expertId: 'data_inspector' }],
    ['failed', { kind: 'failed', code: 'DEADLINE', expertId: 'data_inspector', consultationId: 'consult_0002', question: 'And the columns?' }],
  ])('keeps the first finding when a second question is %s', async (_title, second) => {
    const consult: Consultant['consult'] = async (request, _turn, round) => (round === 1
      ? { kind: 'answered', underRequirements: true, output: OUTPUT, consultationId: 'consult_0001', expertId: request.expert_id, question: request.question }
      : second);
    await using bench = await openEngineBench({ consultant: consultantOf(answered, { consult, rulesFor: () => ({ texts: [], binding: [], roundsPerTurn: 2 }) }) });
    scriptConsultation(bench, structured(integrateReply({ expert_consultation_summary: 'It has 122 rows.', consultation_request: { ...REQUEST, question: 'And the columns?' } })));

    await bench.turn('How big is it?');

    expect(bench.provider.requests.filter((request) => request.model === MODELS.CA)[1]!.text).toContain('Finding: It has 122 rows.');
  });

  it('tells the companion what both experts of a turn found', async () => {
    const consult: Consultant['consult'] = async (request, turn, round) => {
      const consultationId = `consult_000${round}`;
      turn.emit({ type: 'consultation_start', expert_id: request.expert_id, title: 'Data inspector', consultation_id: consultationId, scenario_id: 'rma_custom' });
      return { kind: 'answered', underRequirements: true, output: OUTPUT, consultationId, expertId: request.expert_id, question: request.question };
    };
    await using bench = await openEngineBench({ consultant: consultantOf(answered, { consult, rulesFor: () => ({ texts: [], binding: [], roundsPerTurn: 2 }) }) });
    scriptConsultation(
      bench,
      structured(integrateReply({ expert_consultation_summary: 'It has 122 rows.', guidance_for_ca: 'Name the rows.', consultation_request: { ...REQUEST, question: 'And the columns?' } })),
      structured(integrateReply({ expert_consultation_summary: `It has 4 columns. ${'x'.repeat(2000)}`, guidance_for_ca: 'Name the columns.' })),
    );

    const events = await bench.turn('How big is it?');

    expect(events.filter((event) => event.type === 'consultation_complete')).toHaveLength(2);
    const speak = bench.provider.requests.filter((request) => request.model === MODELS.CA)[1]!.text;
    const told = ['Finding: It has 122 rows.', 'How to use it: Name the rows.', 'Finding: It has 4 columns.', 'How to use it: Name the columns.'];
    expect(told.filter((words) => !speak.includes(words))).toEqual([]);
    expect(speak).not.toContain('x'.repeat(600));
    const second = bench.provider.requests.filter((request) => request.model === MODELS.RMA)[2]!.text;
    expect(second).toContain('And the columns?');
    expect(second).not.toContain(REQUEST.question);
  });

  describe('whose answer completes the task of the packet', () => {
    const QUOTE = 'it prints 122 rows';
    const completes = { subtask_status: { load_table: { status: 'completed', evidence: [{ text: 'counted the rows', quote: QUOTE }] } } };
    const rule: BindingRule = { name: 'too_big', when: { field: 'rows', op: 'gt', value: 100 }, set: { guidance_for_ca: 'Ask for a smaller table.' } };
    const consultant = consultantOf(async () => ({ kind: 'answered', underRequirements: true, output: { ...OUTPUT, rows: 122 } }), {
      rulesFor: () => ({ texts: [], roundsPerTurn: 1, binding: [rule] }),
    });

    it.each([
      ['a packet for the next task is made where the answer writes none', {}, {
        current_focus: 'Say what each column holds', derived: true, guidance_for_ca: expect.stringMatching(/^Ask for a smaller table\.\n.*just completed/),
      }],
      ['the answer\'s own focus stands', { packet_patch: { current_focus: 'the columns', guidance_for_ca: 'Ask for the columns.' } }, {
        current_focus: 'the columns', guidance_for_ca: 'Ask for a smaller table.\nAsk for the columns.',
      }],
    ])('%s, and the packet names the task that is current', async (_title, patch, expected) => {
      await using bench = await openEngineBench({ consultant });
      scriptConsultation(bench, structured(integrateReply({ state_update: completes, ...patch })));

      await bench.turn(`Look, ${QUOTE}`);

      const { packet, state } = bench.row();
      expect(state.subtask_status['load_table']?.status).toBe('completed');
      expect(state.current_subtask_id).not.toBe('load_table');
      expect(packet).toMatchObject({ ...expected, current_task_id: state.current_subtask_id, bound_by: ['too_big'], instruction_version: 2, hint_level: 0 });
      expect(bench.provider.requests.filter((request) => request.model === MODELS.CA)[1]!.text).toContain(`"current_task_id": "${state.current_subtask_id}"`);
    });

    it('a packet for the next task is made when only the record brings the proof of what the plan completed', async () => {
      await using bench = await openEngineBench();
      bench.provider.script(MODELS.CA, companionReply({ judgement: { checkpoint: true } }), speakReply({
        record: { evidence_for_subtasks: [{ subtask_id: 'load_table', evidence: 'counted the rows', quote: QUOTE }] },
      }));
      bench.provider.script(MODELS.RMA, structured(planReply({ state_update: { subtask_status: { load_table: { status: 'completed' } } } })));

      await bench.turn(`Look, ${QUOTE}`);

      const { packet, state } = bench.row();
      expect(state.subtask_status['load_table']?.status).toBe('completed');
      expect(packet).toMatchObject({ current_task_id: state.current_subtask_id, derived: true, instruction_version: 2 });
      expect(state.current_instruction_version).toBe(2);
    });
  });

  it('asks by a trigger of the chapter although nobody wished it, and the packet obeys the rules', async () => {
    const rule: BindingRule = { name: 'too_big', when: { field: 'rows', op: 'gt', value: 100 }, set: { current_focus: 'a smaller table' } };
    const consultant = consultantOf(async () => ({ kind: 'answered', underRequirements: true, output: { ...OUTPUT, rows: 122 } }), {
      rulesFor: () => ({ texts: [], roundsPerTurn: 1, binding: [rule] }),
      triggeredRequest: () => ({ ...REQUEST, scenario_id: 'rma_custom', reasoning: '', context: {} }),
    });
    await using bench = await openEngineBench({ consultant });
    bench.provider.script(MODELS.CA, companionReply(), speakReply());
    bench.provider.script(MODELS.RMA, structured(planReply()), structured(integrateReply()));

    expectOrder(await bench.turn('Here is my file'), 'expert');
    expect(bench.row().packet).toMatchObject({ current_focus: 'a smaller table', bound_by: ['too_big'], instruction_version: 2 });
    expect(bench.provider.requests.filter((request) => request.model === MODELS.CA)[1]!.text).toContain('a smaller table');
  });

  it.each([
    ['the expert works', endless, null],
    ['the planner integrates', answered, [text('{"exp'), gate('integrate')]],
  ] as const)('closes the consultation when it is cancelled while %s, and leaves no trace', async (_title, work, integration) => {
    const abandoned: string[] = [];
    await using bench = await openEngineBench({ consultant: consultantOf(work, { abandon: async (turnId) => { abandoned.push(turnId); } }) });
    scriptConsultation(bench, ...(integration === null ? [] : [[...integration]]));
    const before = bench.row();
    const { turnId } = bench.engine.start(SESSION, { text: 'How big is it?', clientTurnId: null });
    const following = bench.follow(turnId);
    if (integration === null) await bench.provider.nextRequest(MODELS.RMA);
    else await bench.provider.reached('integrate');
    const seen = bench.hub.follow(SESSION, null);
    for await (const frame of seen.frames) if (frame.includes('consultation_start')) break;

    const answer = await bench.engine.cancel(SESSION);
    const events = await following;

    expect(answer.outcome).toBe('cancelled');
    expectOrder(events, 'cancelledBeforeText');
    expect(events.find((event) => event.type === 'consultation_error')).toMatchObject({ code: 'ABORTED', consultation_id: 'consult_0001' });
    expect(bench.row()).toEqual({ ...before, generation: 1 });
    expect(abandoned).toEqual([turnId]);
    expect(noticesOf(events)).toEqual([]);
  });

  it('closes the consultation when the program stops', async () => {
    await using bench = await openEngineBench({ consultant: consultantOf(endless) });
    scriptConsultation(bench);
    const { turnId } = bench.engine.start(SESSION, { text: 'How big is it?', clientTurnId: null });
    const following = bench.follow(turnId);
    for await (const frame of bench.hub.follow(SESSION, null).frames) if (frame.includes('consultation_start')) break;

    await bench.engine.stop();

    expect(orderOf(await following)).toMatch(/ask (U\([A-Z]+\) )*unanswered (U\([A-Z]+\) )*error\(SHUTTING_DOWN\)$/);
  });
});
