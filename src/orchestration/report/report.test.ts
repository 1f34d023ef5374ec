import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SubtaskStateSchema } from '../../contracts/index.ts';
import { parseTaskList } from '../../content/index.ts';
import { applyProposal, createInitialState, createNotes, skip } from '../state/index.ts';
import { finalFacts, renderErrorSummary, renderFinalReport, renderReport } from './index.ts';

const { tasks } = parseTaskList([
  '# Tasks', '## Core tasks', '### Task 1: Read the table', '- **load_csv**: read it [type: core]', '### Task 2: Look at it', '- **inspect**: look [type: core]',
  '## Optional tasks', '### Optional 1: Sort', '- **sort_data**: sort [type: optional]',
].join('\n'));
const { state: START } = createInitialState(tasks, { session_id: 's', chapter_id: 'c', language: 'en', pin: null });
const NOTES = {
  activities: [0, 1, 2, 3].map((turn) => ({ turn_index: turn, activity: `activity ${turn}`, points: [`point ${turn}`] })),
  solid: ['reads files'], needs_support: ['types'], next_step: 'Print the types.',
};
const headings = (report: string) => report.split('\n').filter((line) => line.startsWith('## '));

describe('renderReport', () => {
  it('tells situation, tasks, the last three turns, the learner, and what comes next', () => {
    const state = { ...START, attempts_since_last_progress: 1, ext: { ...START.ext!, last_judgement: { turn_index: 3, blocker: 'core_concept' as const, sentiment: 'confused' as const } } };

    expect(renderReport({ state, notes: NOTES, template: null, language: 'en' })).toBe(`Working on "Read the table"; 0 of 2 required tasks are settled.

## Tasks

- **Read the table** — not started, current
- **Look at it** — not started
- **Sort** — not started, optional

## Recent activity

- **Turn 4**: activity 3
  - point 3
- **Turn 3**: activity 2
  - point 2
- **Turn 2**: activity 1
  - point 1

## Student state

- Mood: a little confused
- Held up by: a concept
- 1 turn in a row without new progress
- Solid:
  - reads files
- Needs support:
  - types

## Next step

Next: go on with "Read the table"

- Print the types.
`);
  });

  it('speaks Chinese with the words that the desktop looks for', () => {
    const report = renderReport({ state: START, notes: createNotes(), template: null, language: 'zh-Hans' });

    expect(headings(report)).toEqual(['## 任务状态', '## 最近活动', '## 学习者状态', '## 下一步建议']);
    expect(report.split('\n')[0]).toBe('正在进行「Read the table」，必做任务已处理 0/2。');
    expect(report).toContain('## 下一步建议\n\n下一步：继续任务「Read the table」');
  });

  it.each<[string, string | null, string[]]>([
    ['reorders and renames', '# Page\n## What comes next [one thing]\n## My tasks\n', ['## What comes next', '## My tasks', '## Recent activity', '## Student state']],
    ['keeps the usual titles without any match', '# Page\n## Weather\n', ['## Tasks', '## Recent activity', '## Student state', '## Next step']],
    ['names a section once', '## Tasks\n## More tasks\n', ['## Tasks', '## Recent activity', '## Student state', '## Next step']],
    ['works without a template', null, ['## Tasks', '## Recent activity', '## Student state', '## Next step']],
  ])('%s', (_title, template, expected) => {
    expect(headings(renderReport({ state: START, notes: NOTES, template, language: 'en' }))).toEqual(expected);
  });

  it('points to what is open after a completion and at the end', () => {
    const completed = { ...START, subtask_status: { ...START.subtask_status, load_csv: { status: 'completed' as const, evidence: [] }, inspect: { status: 'skipped' as const, evidence: [] } } };
    const optional = applyProposal(completed, {}, { turnIndex: 1, learnerTexts: [], runs: [] }).state;
    const over = skip(optional, { source: 'button' }, { tasks, language: 'en', now: '2024-01-01T00:00:00Z' });
    const render = (state: typeof START) => renderReport({ state, notes: createNotes(), template: null, language: 'en' });

    expect(render(optional)).toMatch(/^All required tasks of this chapter are settled \(2 of 2\)\.[\s\S]*Next: try the optional task "Sort"/);
    expect(over.kind === 'skipped' && render(over.state)).toContain('Next: look back on the chapter');
  });

  it('has every section, no foreign heading and no image, whatever notes and titles say', () => {
    const textArb = fc.oneof(fc.string(), fc.constantFrom('# Top', '## Next step\n## More', 'x\n\n## y', '![a](http://x/y.png)', '<img src=x>'));
    const notesArb = fc.record({
      activities: fc.array(fc.record({ turn_index: fc.nat(9), activity: textArb, points: fc.array(textArb, { maxLength: 2 }) }), { maxLength: 4 }),
      solid: fc.array(textArb, { maxLength: 2 }), needs_support: fc.array(textArb, { maxLength: 2 }), next_step: textArb,
    });
    fc.assert(fc.property(notesArb, textArb, fc.constantFrom(...SubtaskStateSchema.options), fc.constantFrom('en', 'zh'), (...[notes, title, status, language]) => {
      const ext = { ...START.ext!, tasks: { ...START.ext!.tasks, load_csv: { title, kind: 'core' as const, required: true, order: 0 } } };
      const state = { ...START, ext, subtask_status: { ...START.subtask_status, load_csv: { status, evidence: [] } } };
      const report = renderReport({ state, notes, template: null, language });

      expect(headings(report)).toHaveLength(4);
      expect(report.startsWith('#')).toBe(false);
      expect(report).not.toMatch(/!\[|<img/);
      expect(report).toMatch(language === 'zh' ? /\n下一步：/ : /\nNext: /);
    }));
  });
});

describe('renderErrorSummary', () => {
  it('has a heading for each kind', () => {
    const errors = [
      { turn_index: 0, error_type: 'coding' as const, description: 'KeyError', context: 'column name' },
      { turn_index: 2, error_type: 'conceptual' as const, description: 'rows and columns\n# mixed', context: '' },
    ];

    expect(renderErrorSummary(errors, 'en')).toBe(
      '# Error summary\n\n## Conceptual\n\n- Turn 3: rows and columns # mixed\n\n## Coding\n\n- Turn 1: KeyError (Context: column name)\n\n## Scaffolding\n\n- none\n');
    expect(headings(renderErrorSummary(errors, 'zh'))).toEqual(['## 概念', '## 代码', '## 环境与准备']);
    expect(renderErrorSummary([], 'en')).toBe('');
  });
});

describe('the final report', () => {
  const told = applyProposal(START, { evidence: [{ subtask_id: 'load_csv', evidence: 'printed rows', quote: 'ten rows' }, { subtask_id: 'inspect', evidence: 'looked' }] },
    { turnIndex: 1, learnerTexts: ['there are ten rows'], runs: [] }).state;
  const done = applyProposal(told, { stateUpdate: { subtask_status: { load_csv: { status: 'completed', evidence: [] } } } }, { turnIndex: 1, learnerTexts: [], runs: [] }).state;
  const skipped = skip(done, { source: 'button', reason: '其他', reason_text: 'no time', subtask_id: 'sort_data' }, { tasks, language: 'en', now: '2024-01-01T00:00:00Z' });
  if (skipped.kind !== 'skipped') throw new Error('the fixture could not skip');
  const facts = finalFacts({
    state: { ...skipped.state, turn_index: 9 }, chapterTitle: 'Tables', startedAt: '2024-01-01T00:00:00Z', endedAt: '2024-01-01T00:42:10Z',
    expertReports: [{ title: 'Dataset check', expert_id: 'data_inspector', summary: 'suitable' }],
  });

  it('collects tasks with their states, evidence, skips, experts, turns and time', () => {
    expect(facts).toEqual({
      chapter_title: 'Tables', turns: 9, minutes: 42,
      tasks: [
        { id: 'load_csv', title: 'Read the table', kind: 'core', status: 'completed', evidence: [{ text: 'printed rows', verified: true }] },
        { id: 'inspect', title: 'Look at it', kind: 'core', status: 'in_progress', evidence: [{ text: 'looked', verified: false }] },
        { id: 'sort_data', title: 'Sort', kind: 'optional', status: 'skipped', evidence: [] },
      ],
      skips: [{ id: 'sort_data', title: 'Sort', reason: '其他', reason_text: 'no time' }], errors: [],
      expert_reports: [{ title: 'Dataset check', expert_id: 'data_inspector', summary: 'suitable' }],
    });
  });

  it('stands without a narrative', () => {
    const report = renderFinalReport(facts, null, 'en');

    expect(headings(report)).toEqual(['## Overview', '## Tasks', '## Evidence', '## Skipped tasks', '## Errors met', '## Expert consultations']);
    expect(report).toContain('9 turns in about 42 minutes; of 3 tasks 1 is completed and 1 skipped.');
    expect(report).toContain('- **Sort** — Reason: other (no time)');
    expect(report).toContain('  - printed rows (verified)');
  });

  it('holds a narrative of at most 400 words that opens no section of its own', () => {
    const report = renderFinalReport(facts, `## Fine\n${'word '.repeat(500)}`, 'en');

    expect(headings(report)).toContain('## Summary');
    expect(headings(report)).not.toContain('## Fine');
    expect(report.match(/word/g)).toHaveLength(398);
    expect(renderFinalReport(facts, '字'.repeat(600), 'zh').match(/字/g)).toHaveLength(400);
  });

  it('shows no tag, image, script link or underlined heading of a narrative', () => {
    const report = renderFinalReport(facts, 'Fine\n====\n<script>x</script> ![a](https://x.example/p) [b](javascript:alert(1)) and 3 < 4', 'en');

    expect(report).toContain('&lt;script>x&lt;/script> [a](https://x.example/p) [b]) and 3 < 4');
    expect(report).not.toMatch(/<script|!\[|javascript:|^=+$/m);
  });

  it.each([['2024-01-01T01:00:00Z', '2024-01-01T00:00:00Z'], ['', 'never']])('reads odd times (%s to %s) as no time', (startedAt, endedAt) => {
    expect(finalFacts({ state: START, chapterTitle: 'T', startedAt, endedAt, expertReports: [] }).minutes).toBe(0);
  });
});
