import { beforeAll, expect, it } from 'vitest';
import type { EvidenceRecord } from '../../contracts/index.ts';
import { rawTokens } from '../../models/index.ts';
import type { PromptSet } from '../prompts/index.ts';
import { buildCall } from './build-call.ts';
import { callOptions, historyRow, packagedPrompts, sampleSnapshot } from './context-fixtures.ts';
import * as course from './course-sections.ts';
import { packContext, type Section, type SectionPart } from './pack-context.ts';
import * as session from './session-sections.ts';
import type { TurnSnapshot } from './snapshot.ts';

let prompts: PromptSet;
beforeAll(async () => { prompts = await packagedPrompts(); });

/** The text that parts become within a cap. */
function cutTo(parts: SectionPart[], cap: number, separator = '\n'): string {
  const section: Section = { name: 'X', rank: 1, cap, parts, separator, cut: 'whole' };
  return packContext([section], { tokens: 100_000, factor: 1, compose: (texts) => [{ role: 'user', content: texts['X'] ?? '' }] }).messages[0]!.content;
}

function withStates(states: Record<string, 'completed' | 'skipped' | 'in_progress'>): TurnSnapshot {
  const snapshot = sampleSnapshot();
  const { state } = snapshot.session;
  const changed = Object.fromEntries(Object.entries(states).map(([id, status]) => [id, { status, evidence: [] }]));
  return { ...snapshot, session: { ...snapshot.session, state: { ...state, subtask_status: { ...state.subtask_status, ...changed } } } };
}

it('drops finished optional tasks first from the index, the current one last', () => {
  const parts = course.taskIndex(withStates({ sort_coldest: 'completed', describe_columns: 'completed' }));
  const whole = rawTokens(parts.map(({ text }) => text).join('\n'));

  expect(cutTo(parts, whole - 1)).not.toContain('sort_coldest');
  expect(cutTo(parts, whole - 1)).toContain('describe_columns');
});

it('keeps the current task in the index to the end', () => {
  const snapshot = sampleSnapshot();
  const packet = { ...snapshot.session.packet, current_task_id: 'warm_and_dry' };

  const parts = course.taskIndex({ ...snapshot, session: { ...snapshot.session, packet } });

  expect(cutTo(parts, 40)).toContain('warm_and_dry (current) | optional | not_started | "Combine two conditions"');
});

it('drops parts of the completion principles that do not name the task first', () => {
  const parts = course.completion(sampleSnapshot());

  const short = cutTo(parts, 260, '\n\n');

  expect(short).toContain('## load_table');
  expect(short).toContain('# When a task counts as done');
  expect(short).not.toContain('## sort_coldest');
});

it('drops the last sections of the chapter first', () => {
  const short = cutTo(course.chapterContext(sampleSnapshot()), 200, '\n\n');

  expect(short).toContain('## Overview');
  expect(short).not.toContain('## How we work');
});

it('drops evidence of other tasks first, then the oldest', () => {
  const snapshot = sampleSnapshot();
  const entry = (id: string, turn: number): EvidenceRecord => ({ subtask_id: id, turn_index: turn, text: `proof ${turn}`, verified: true, source: 'student_text', strength: 'weak' });
  const ext = { ...snapshot.session.state.ext!, evidence_log: [entry('load_table', 0), entry('count_missing', 1), entry('load_table', 2)] };
  const parts = session.evidenceLog({ ...snapshot, session: { ...snapshot.session, state: { ...snapshot.session.state, ext } } });

  expect(cutTo(parts, 38)).toBe('- load_table, turn 0, verified, student_text: proof 0\n[…]\n- load_table, turn 2, verified, student_text: proof 2');
  expect(cutTo(parts, 20)).toBe('[…]\n- load_table, turn 2, verified, student_text: proof 2');
});

it('drops older runs before the newest', () => {
  const [run] = sampleSnapshot().runs;
  const runs = [1, 2, 3, 4].map((index) => ({ ...run!, code: `run_${index}`, at: `2026-03-01T10:0${index}:00.000Z` }));
  const parts = session.recentWork(sampleSnapshot({ runs }));

  expect(parts.map(({ text }) => text).join()).not.toContain('run_1');
  expect(cutTo(parts, 40)).toMatch(/run_4/);
});

it('lets one protocol text use what the other leaves free', () => {
  const { chapter } = sampleSnapshot();
  const of = (interaction: string, socratic: string): ReturnType<typeof course.protocolCaps> => course.protocolCaps(
    sampleSnapshot({ chapter: { ...chapter, interactionProtocol: { text: interaction, provenance: 'chapter' }, socraticRules: { text: socratic, provenance: 'chapter' } } }),
    { cap: 900, factor: 1 },
  );

  expect(of('x'.repeat(9000), 'x'.repeat(360))).toEqual({ interaction: 800, socratic: 450 });
  expect(of('x'.repeat(9000), 'x'.repeat(9000))).toEqual({ interaction: 450, socratic: 450 });
});

it('names internal turns instead of quoting their literals', () => {
  const greeting = session.exchange(historyRow(0, { kind: 'greeting', user_message: '[系统：开始]' }));

  expect(greeting[0]!.text).toBe('[turn 0] learner:\n(the session began)');
});

it('shows only allow-listed facts', () => {
  expect(session.sessionFacts(sampleSnapshot())).toBe([
    '- index of this turn: 3', '- current task: load_table', '- turns since the last progress: 0', '- tasks skipped in a row: 0',
    '- all required tasks completed or skipped: no',
  ].join('\n'));
});

it('clips what a restored packet may hold', () => {
  const snapshot = sampleSnapshot();
  const packet = { ...snapshot.session.packet, current_focus: 'f'.repeat(9000), guidance_for_ca: 'g'.repeat(9000), recommended_targets: Array.from({ length: 50 }, () => 't'.repeat(999)) };

  expect(session.packetText({ ...snapshot, session: { ...snapshot.session, packet } }).length).toBeLessThan(4000);
});

it('asks the memo agent for what a course template wants, and for nothing when the template is the packaged one', () => {
  expect(course.reportGuidance({ text: '## Tasks\n\n[Number them.]', provenance: 'chapter' }).map(({ text }) => text)).toEqual(['Tasks: Number them.']);
  expect(course.reportGuidance(sampleSnapshot().chapter.templates.dynamicReport)).toEqual([]);
});

it('cuts a message above 60 % of the budget in its middle', () => {
  const message = `BEGIN ${'数据'.repeat(4900)} END`;

  const call = buildCall('reply', sampleSnapshot({ message }), callOptions(prompts, { window: { tokens: 16_000, factor: 1 } }));
  const text = call.request.messages[1]!.content;

  expect(text).toMatch(/BEGIN[\s\S]*\[…\][\s\S]* END/);
  expect(call.manifest.sections.find(({ name }) => name === 'MESSAGE')!.tokens).toBeLessThanOrEqual(Math.ceil((16_000 - 3000 - 512) * 0.6));
});

it('sends a long message whole when the budget allows', () => {
  const message = 'word '.repeat(1900);

  expect(buildCall('reply', sampleSnapshot({ message }), callOptions(prompts)).request.messages[1]!.content).toContain(message.trim());
});
