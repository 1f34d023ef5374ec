import { describe, expect, it } from 'vitest';
import { cpuMs } from '../../tests/support/cpu-time.ts';
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { TASK_ID_PATTERN, TaskKindSchema } from '../contracts/index.ts';
import { parseTaskList } from './parse-task-list.ts';

const brief = (text: string) => parseTaskList(text).tasks.map(({ id, kind, title }) => [id, kind, title]);
const codes = (text: string) => parseTaskList(text).diagnostics.map(({ code, line }) => [code, line]);

const FOUR_DIALECTS = `# 任务列表
<!-- a: all in the bullet -->
### 任务1：读取温度表
- **read_temps**: 用 pandas 读表 [类型: core]
  - 打印前三行

### 任务2：画折线图
- **plot_line** [类型: core]
  - 横轴是日期

## 必做任务三：任选一种图
- **choose_chart** [类型: mandatory]

### 选项 A：柱状图
画它。

---

### Task 4: Sum a column

**Task ID:** \`sum_column\`
**Type:** Core

Text.
`;

describe('parseTaskList', () => {
  it('reads all four dialects in order', () => {
    const { tasks, diagnostics } = parseTaskList(FOUR_DIALECTS);

    expect(diagnostics).toEqual([]);
    expect(tasks.map(({ id, kind, title, order, source_line, required }) => ({ id, kind, title, order, source_line, required }))).toEqual([
      { id: 'read_temps', kind: 'core', title: '读取温度表', order: 0, source_line: 3, required: true },
      { id: 'plot_line', kind: 'core', title: '画折线图', order: 1, source_line: 7, required: true },
      { id: 'choose_chart', kind: 'mandatory', title: '任选一种图', order: 2, source_line: 11, required: true },
      { id: 'sum_column', kind: 'core', title: 'Sum a column', order: 3, source_line: 19, required: true },
    ]);
    expect(tasks[2]?.body).toBe('## 必做任务三：任选一种图\n- **choose_chart** [类型: mandatory]\n\n### 选项 A：柱状图\n画它。');
    expect(tasks[0]?.body).toBe('### 任务1：读取温度表\n- **read_temps**: 用 pandas 读表 [类型: core]\n  - 打印前三行');
  });

  it('reads the same with a byte order mark and Windows line ends', () => {
    expect(parseTaskList(`\uFEFF${FOUR_DIALECTS.replaceAll('\n', '\r\n')}`)).toEqual(parseTaskList(FOUR_DIALECTS));
  });

  it.each([
    ['full-width marks', '### 任务２． 读表\n- **read_it**： 读表 【类型：可选】', [['read_it', 'optional', '读表']]],
    ['full-width square brackets', '- **read_it** ［Type： Scaffolding］', [['read_it', 'scaffolding', 'read_it']]],
    ['a colon inside the bold id', '- **read_it:** read [type: core]', [['read_it', 'core', 'read']]],
    ['back-quotes in the bold id', '- **`read_it`**: read [type: core]', [['read_it', 'core', 'read']]],
    ['the tag before the description', '- **read_it** [type: core]: read', [['read_it', 'core', 'read']]],
    ['a tag on the continuation line', '- **read_it**: read\n  everything [type: advanced]', [['read_it', 'advanced', 'read everything']]],
    ['the id as title without anything else', '- **read_it** [type: core]', [['read_it', 'core', 'read_it']]],
    ['the first nested item as title', '- **read_it** [type: core]\n  - Read all\n  - Print', [['read_it', 'core', 'Read all']]],
    ['an id without tag under a task heading', '### Task 1: Read\n- **read_it**\n- **bold_remark** is no task', [['read_it', 'core', 'Read']]],
    ['a bold word without underscore is no id', '### Task 1: Read\n- **Remember** this', []],
    ['a second tagged id under one heading', '### Task 1: Read\n- **a_b** [type: core]\n- **c_d**: more [type: core]', [['a_b', 'core', 'Read'], ['c_d', 'core', 'more']]],
    ['nested bold ids are no tasks', '- item\n  - **read_it** [type: core]', []],
    ['ids in fences', '```\n- **a_b** [type: core]\n```\n- **c_d** [type: core]', [['c_d', 'core', 'c_d']]],
    ['ids in tilde fences with back-quotes inside', '~~~\n```\n- **a_b** [type: core]\n~~~\n- **c_d** [type: core]', [['c_d', 'core', 'c_d']]],
    ['ids in comments', '<!-- - **a_b** [type: core]\n- **b_b** [type: core] -->\n- **c_d** [type: core]', [['c_d', 'core', 'c_d']]],
    ['a comment mark in inline code', 'Write `<!--` first\n- **c_d** [type: core]', [['c_d', 'core', 'c_d']]],
    ['a legend with examples', '## 任务类型说明\n- **a_b** [类型: core]\n### 例子\n- **b_b** [类型: core]\n## 任务\n- **c_d** [类型: core]', [['c_d', 'core', 'c_d']]],
    ['a task about a legend', '## Core\n### Task 1: Add a legend\n- **add_legend** [type: core]', [['add_legend', 'core', 'Add a legend']]],
    ['an id line in Chinese', '### 任务一、求和\n**任务ID：** sum_it\n**类型：** 进阶', [['sum_it', 'advanced', '求和']]],
    ['a type line that is too far away', '**Task ID:** sum_it\n\n\n\n\n\n**Type:** optional', [['sum_it', 'core', 'sum_it']]],
    ['numerals of two characters', '### 任务十二) 求和\n- **sum_it**', [['sum_it', 'core', '求和']]],
  ])('reads %s', (_title, text, expected) => {
    expect(brief(text)).toEqual(expected);
  });

  it.each([
    ['the heading when the id says nothing', '## Optional tasks\n### Task 1: X\n- **a_b**', 'optional'],
    ['core when nothing says anything', '### Task 1: X\n- **a_b**', 'core'],
    ['never the level-1 heading', '# Optional things\n### Task 1: X\n- **a_b**', 'core'],
    ['only the label of a task heading', '## Core\n### Task 1: Optional arguments\n- **a_b**', 'core'],
    ['the label of an optional task', '### 可选1：X\n- **a_b**', 'optional'],
    ['scaffolding from the tag', '## Core tasks\n- **a_b** [type: scaffolding]', 'scaffolding'],
    ['scaffolding from the heading', '## 脚手架任务\n- **a_b** [类型: core]', 'scaffolding'],
    ['the innermost heading', '## Core tasks\n### Advanced part\n- **a_b** [type: optional]', 'optional'],
    ['advanced before optional in a heading', '## Advanced Tasks (Optional)\n- **a_b** [type: advanced]', 'advanced'],
    ['required in a tag', '- **a_b** [type: required]', 'mandatory'],
    ['whole words only', '## Test scores\n- **a_b** [type: optional]', 'optional'],
  ])('takes the kind from %s', (_title, text, kind) => {
    expect(parseTaskList(text).tasks.map((task) => task.kind)).toEqual([kind]);
  });

  it('reports a core tag under an optional heading and lets the heading win', () => {
    const text = '## 可选任务\n\n- **a_b** [类型: core]\n\n## Core\n- **c_d** [type: core]';

    expect(brief(text).map(([id, kind]) => [id, kind])).toEqual([['a_b', 'optional'], ['c_d', 'core']]);
    expect(codes(text)).toEqual([['kind_conflict', 3]]);
  });

  it('reports an unknown kind and a tagged word that cannot be an id', () => {
    expect(codes('- **a_b** [type: weird]\n- **读表** [类型: core]')).toEqual([['task_id_ignored', 2], ['kind_unknown', 1]]);
  });

  it('names the lines of a repeated id and keeps its first task', () => {
    const text = '- **a_b**: one [type: core]\n\n- **a_b**: two [type: core]';

    expect(brief(text)).toEqual([['a_b', 'core', 'one']]);
    expect(parseTaskList(text).diagnostics).toEqual([
      { code: 'TASK_ID_DUPLICATE', severity: 'error', message: 'task id a_b stands in lines 1, 3', line: 3 },
    ]);
  });

  it('names the lines of a list without a required task', () => {
    const { diagnostics } = parseTaskList('# T\n- **a_b** [type: optional]\n- **c_d** [type: scaffolding]');

    expect(diagnostics).toEqual([
      { code: 'TASK_LIST_EMPTY', severity: 'error', message: 'no core or mandatory task (line 2: a_b (optional); line 3: c_d (scaffolding))', line: 2 },
    ]);
  });

  it('cuts blank lines and rules at the end of a body and ends it at a heading of the same level', () => {
    const { tasks } = parseTaskList('## Core\n\n### Task 1: X\n- **a_b**\n\n#### Deeper\ntext\n\n---\n\n### Other\nnot mine');

    expect(tasks[0]?.body).toBe('### Task 1: X\n- **a_b**\n\n#### Deeper\ntext');
  });

  it('never throws, and gives unique legal ids, whole lines and a fixed order for any text', () => {
    const piece = constantFrom('# A', '## 可选任务', '### Task 1: X', '- **a_b** [type: core]', '- **c_d**', '```', '<!--', '-->', '**Task ID:** `e_f`',
      '**Type:** odd', '---', '', '  - nested', 'text', '\r', '\uFEFF');
    assert(property(array(oneof(piece, string()), { maxLength: 40 }), (pieces) => {
      const text = pieces.join('\n');
      const { tasks, diagnostics } = parseTaskList(text);
      const lines = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n').replaceAll('\r', '\n').split('\n');

      expect(new Set(tasks.map((task) => task.id)).size).toBe(tasks.length);
      tasks.forEach((task, index) => {
        expect(task.order).toBe(index);
        expect(task.id).toMatch(TASK_ID_PATTERN);
        expect(TaskKindSchema.options).toContain(task.kind);
        expect(task.required).toBe(task.kind === 'core' || task.kind === 'mandatory');
        const start = task.source_line - 1;
        expect(task.body).toBe(lines.slice(start, start + task.body.split('\n').length).join('\n'));
      });
      expect(diagnostics.some(({ code }) => code === 'TASK_LIST_EMPTY')).toBe(!tasks.some((task) => task.required));
    }));
  });

  it('reads a hostile text of 256 KB in bounded time', () => {
    const hostile = ['**'.padEnd(2000), '[类型:'.padEnd(2000), `### ${' '.repeat(1900)}#`, `- **${'a '.repeat(900)}`].join('\n');
    const before = cpuMs();

    parseTaskList(`${hostile}\n`.repeat(32));

    expect(cpuMs() - before).toBeLessThan(5000);
  });
});
