import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTemporaryFolder } from '../support/temporary-folder.ts';
import type { TemporaryFolder } from '../support/temporary-folder.ts';
import { describeVariables } from '../../src/config/index.ts';
import { runToEnd, startCommand } from '../support/command-line.ts';

const sample = join(import.meta.dirname, '..', '..', 'content');

describe('sidecar', () => {
  it.each(['serve', 'demo', 'chat', 'doctor', 'contract', 'content', 'content check', 'content import-rules', 'content tasks'])('%s has a help text', async (command) => {
    const { code, out, err } = await runToEnd([...command.split(' '), '--help']);

    expect([code, err]).toEqual([0, '']);
    expect(out).toMatch(/^Usage: sidecar /);
  });

  it('tells every setting in the help of serve', async () => {
    const { out } = await runToEnd(['serve', '--help']);

    const missing = describeVariables().filter(({ name, flag }) =>
      !/_(CA|RMA|MA|EXP|SMALL)$/.test(name) && !out.includes(flag === null ? name : `--${flag}`));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it.each([
    [['--version'], 0], [['--help'], 0], [[], 2], [['nonsense'], 2], [['serve', '--nonsense'], 2], [['content'], 2], [['content', 'check'], 2],
    [['content', 'check', sample], 0], [['content', 'check', sample, '--strict'], 1], [['content', 'check', join(sample, 'nowhere')], 2],
    [['content', 'tasks', sample, '--chapter', 'no_such_chapter'], 2],
    [['content', 'check', import.meta.filename], 1], [['content', 'tasks', import.meta.filename], 1],
  ])('%j ends with %i', async (args, expected) => {
    const { code, err } = await runToEnd(args);

    expect(code).toBe(expected);
    expect(err).not.toMatch(/^ +at /m);
  });

  it.each([[[], 'content needs a command'], [['nonsense'], 'unknown command "content nonsense"']])('content %j lists its commands', async (args, problem) => {
    const { err } = await runToEnd(['content', ...args]);

    expect(err).toContain(problem);
    expect(err).toMatch(/^ {2}content import-rules {2}\S/m);
    expect(err).not.toContain('  serve');
  });

  it('prints the contract as one object', async () => {
    const { out } = await runToEnd(['contract']);

    expect(JSON.parse(out)).toMatchObject({ contract_version: 'v1', routes: expect.any(Array), sse_event_types: expect.arrayContaining(['complete']) });
  });

  it('prints the tasks of a chapter', async () => {
    const { out } = await runToEnd(['content', 'tasks', sample, '--chapter', 'ch1_reading_a_table', '--json']);

    const { chapters } = JSON.parse(out);
    expect(chapters).toHaveLength(1);
    expect(chapters[0].tasks[0]).toMatchObject({ id: 'load_table', kind: 'core', required: true });
  });

  it('finds the problems of a broken chapter', async () => {
    await using folder = await createTemporaryFolder();
    await mkdir(folder.join('curriculum', 'c', 'ch'), { recursive: true });
    await writeFile(folder.join('curriculum', 'c', 'ch', 'chapter_context.md'), '# Title\n');

    const { code, out } = await runToEnd(['content', 'check', folder.path, '--json']);

    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ ok: false, errors: expect.any(Number) });
  });
});

describe('content check', () => {
  const CHAPTER = {
    'chapter_context.md': '# Title\n', 'task_completion_principles.md': 'Show it.\n', 'task_list.md': '### Task 1: Read\n- **read_it**: read [type: core]\n',
  };
  const CONFIG = [
    'chapter_id: ch', 'version: "1.0"', 'available_experts: [whole]', 'triggers:', '  - { on: checkpoint, expert_id: stranger, scenario_id: s1, output_type: analogy }',
    'binding_rules:', '  expert_judgment_binding:', '    old_rule: { condition: 返回is_suitable=false, enforcement: "lock_until=\'for_ever\'" }', '',
  ].join('\n');
  const metadata = (id: string): string => `# Expert\n\n## Metadata\n\n\`\`\`json\n${JSON.stringify({ expert_id: id, description: 'x', output_modes: ['analogy'], tools: ['no_tool'] })}\n\`\`\`\n`;
  const write = async (folder: TemporaryFolder, files: Record<string, string>): Promise<void> => {
    for (const [name, content] of Object.entries(files)) {
      await mkdir(folder.join(name, '..'), { recursive: true });
      await writeFile(folder.join(name), content);
    }
  };
  const inChapter = (files: Record<string, string>) => Object.fromEntries(Object.entries(files).map(([name, content]) => [`c/ch/${name}`, content]));

  it('judges consultation settings and expert packages as a session would, and says where each text comes from', async () => {
    await using folder = await createTemporaryFolder();
    await write(folder, {
      ...inChapter({ ...CHAPTER, 'consultation_config.yaml': CONFIG, 'interaction_protocol.md': 'Ask.\n' }),
      'content/agents/memo/principles.md': 'Note.\n', 'experts/whole/principles.md': metadata('whole'), 'experts/_junk/principles.md': 'x',
    });

    const { code, out } = await runToEnd(['content', 'check', folder.path, '--json']);
    const strict = await runToEnd(['content', 'check', folder.path, '--strict']);

    const { findings, chapters, experts } = JSON.parse(out);
    expect(findings.map(({ subject, severity, code: found, message }: Record<string, string>) => [subject, severity, found, message])).toEqual([
      ['bundle', 'warning', 'manifest_missing', expect.any(String)],
      ['chapter c/ch', 'warning', 'consultation_config_problem', 'trigger checkpoint: stranger is not in available_experts'],
      ['chapter c/ch', 'warning', 'unparsed_rule', expect.stringMatching(/^old_rule: set\.lock_until/)],
      ['expert whole', 'warning', 'tool_unknown', 'there is no tool no_tool'],
    ]);
    expect(chapters[0].texts).toMatchObject({
      task_list: 'chapter', 'protocol.interaction_protocol': 'chapter', 'protocol.socratic_vs_direct': 'packaged', 'policy.memo': 'bundle',
      'policy.companion': 'packaged', 'template.dynamic_report_template': 'packaged',
    });
    expect([code, experts, strict.code]).toEqual([0, ['whole'], 1]);
    expect(strict.out).toContain('texts from bundle: policy.memo');
  });

  it('ends with 1 for an expert package that no session could use', async () => {
    await using folder = await createTemporaryFolder();
    await write(folder, { 'experts/whole/principles.md': metadata('whole'), 'experts/other/principles.md': metadata('another'), 'experts/empty/notes.md': 'x' });

    const { code, out } = await runToEnd(['content', 'check', folder.path, '--json']);

    const broken = JSON.parse(out).findings.filter(({ severity }: { severity: string }) => severity === 'error');
    expect(broken.map(({ subject, code: found }: Record<string, string>) => [subject, found])).toEqual([['expert empty', 'package_broken'], ['expert other', 'package_broken']]);
    expect(code).toBe(1);
  });
});

describe('doctor', () => {
  it('names chapters and expert packages that cannot be used, which keeps nothing from working', async () => {
    await using folder = await createTemporaryFolder();
    await mkdir(folder.join('experts', 'broken_one'), { recursive: true });
    await writeFile(folder.join('experts', 'broken_one', 'principles.md'), '# No metadata\n');
    await mkdir(folder.join('courses', 'c', 'ch'), { recursive: true });
    for (const name of ['chapter_context.md', 'task_completion_principles.md', 'task_list.md']) await writeFile(folder.join('courses', 'c', 'ch', name), 'nothing\n');

    const { out } = await runToEnd(['doctor', '--json'], {
      env: { SESSIONS_DIR: folder.join('s'), EXPERTS_DIR: folder.join('experts'), CURRICULUM_DIR: folder.join('courses'), LLM_PROVIDER: 'offline' },
    });

    const told = JSON.parse(out).checks.filter(({ name }: { name: string }) => ['courses', 'experts'].includes(name));
    expect(told.map(({ name, state, detail }: Record<string, string>) => [name, state, detail])).toEqual([
      ['courses', 'ok', '0 chapters in 0 courses can be opened'], ['courses', 'warning', expect.stringMatching(/^c\/ch: task_list\.md/)],
      ['experts', 'ok', 'code_checker, data_inspector'], ['experts', 'warning', expect.stringMatching(/^broken_one: .*\(broken_one\/principles\.md\)$/)],
    ]);
    expect(out).not.toContain(`${folder.path}/experts`);
  });

  it('says what to do about a model that cannot be reached, without its key', async () => {
    await using folder = await createTemporaryFolder();
    const env = { SESSIONS_DIR: folder.join('s'), LLM_PROVIDER: 'custom', LLM_BASE_URL: 'http://127.0.0.1:9/v1', LLM_MODEL: 'm', LLM_API_KEY: 'key-of-the-test-0123' };

    const { code, out, err } = await runToEnd(['doctor', '--json'], { env });

    const { ok, checks } = JSON.parse(out);
    expect([code, ok]).toEqual([1, false]);
    expect(checks.find(({ name }: { name: string }) => name === 'model')).toMatchObject({ state: 'problem', fix: expect.stringContaining('LLM_BASE_URL') });
    expect(out + err).not.toContain('key-of-the-test-0123');
  });

  it('names a setting that cannot be used', async () => {
    const { code, out } = await runToEnd(['doctor', '--json'], { env: { PORT: 'x' } });

    expect(code).toBe(1);
    expect(JSON.parse(out).checks.find(({ name }: { name: string }) => name === 'configuration')).toMatchObject({ state: 'problem' });
  });
});

describe('chat', () => {
  it('starts a sidecar, talks, skips, reports and ends the session from a pipe', async () => {
    await using folder = await createTemporaryFolder();

    const { code, out, err } = await runToEnd(['chat', '--chapter', 'python_first_steps/ch1_reading_a_table'], {
      env: { SESSIONS_DIR: folder.join('s') }, input: 'Where do I start?\n/skip\n/skip because\n/skip too hard\n/skip other no time today\n/report\n/nonsense\n/end\nnot read any more\n',
    });

    expect(code).toBe(0);
    expect(out).toContain('Welcome to "Reading a table"');
    expect(out).toContain('## Tasks');
    expect(out).toContain('# Learning report');
    expect(err).toContain('[thinking …]');
    expect(err).toContain('[skipped: Load the weather table]');
    expect(err).toContain('[not a reason to skip; one of: known (已掌握), not interested (不感兴趣), too hard (太难了), too wordy (太啰嗦), other … (其他 …)]');
    expect(err.match(/\[skipped: /g)).toHaveLength(3);
    expect(err).toContain('[unknown command /nonsense; /help lists them]');
    expect(err.split('offline tutor')).toHaveLength(2);
  });

  it('talks to a sidecar that runs already, and goes on with a session', async () => {
    await using folder = await createTemporaryFolder();
    await using server = startCommand(['serve'], { SESSIONS_DIR: folder.join('s') });
    const { url, token } = await server.announcement();
    const args = ['chat', '--url', String(url), '--session', 'mine', '--chapter', 'python_first_steps/ch1_reading_a_table'];

    const first = await runToEnd(args, { env: { SIDECAR_TOKEN: String(token) }, input: '' });
    const second = await runToEnd(args, { env: { SIDECAR_TOKEN: String(token) }, input: 'hello\n' });

    expect([first.code, second.code]).toEqual([0, 0]);
    expect(first.out).toContain('Welcome to');
    expect(second.out).not.toContain('Welcome to');
  });

  it('tells at once that another sidecar has the sessions, and how to talk to that one', async () => {
    await using folder = await createTemporaryFolder();
    await using server = startCommand(['serve'], { SESSIONS_DIR: folder.join('s') });
    await server.announcement();

    const { code, err } = await runToEnd(['chat'], { env: { SESSIONS_DIR: folder.join('s') }, input: 'hello\n' });

    expect(code).toBe(1);
    expect(err).toBe(`[starting a sidecar …]
sidecar chat: a sidecar runs already and has the sessions (another sidecar uses ${folder.join('s')}; end that one, or choose another folder with SESSIONS_DIR (--sessions-dir))
  to talk to it, use the line "chat --url …" that \`npm start\` printed
`);
  });

  it('names the chapters that there are instead of the places that were searched', async () => {
    await using folder = await createTemporaryFolder();

    const { code, err } = await runToEnd(['chat', '--chapter', 'nope'], { env: { SESSIONS_DIR: folder.join('s') } });

    expect(code).toBe(1);
    expect(err).toMatch(/there is no chapter "nope"; there are:\n {2}python_first_steps\/ch1_reading_a_table {3}Reading a table\n/);
    expect(err).not.toContain('content/curriculum');
  });

  it('needs an http address', async () => {
    const { code, err } = await runToEnd(['chat', '--url', 'ftp://x']);

    expect(code).toBe(2);
    expect(err).toContain('--url needs an http address');
  });

  it('tells a wrong token', async () => {
    await using folder = await createTemporaryFolder();
    await using server = startCommand(['serve'], { SESSIONS_DIR: folder.join('s') });
    const { url } = await server.announcement();

    const { code, err } = await runToEnd(['chat', '--url', String(url), '--token', 'wrong']);

    expect(code).toBe(1);
    expect(err).toContain('TOKEN_REQUIRED');
  });
});

it('demo shows commands that work', async () => {
  await using folder = await createTemporaryFolder();
  await using demo = startCommand(['demo'], { SESSIONS_DIR: folder.join('s') });
  const { url, token } = await demo.announcement();

  demo.child.kill('SIGTERM');
  const { code, err } = await demo.ended();

  expect(code).toBe(0);
  expect(err).not.toContain(String(token)); // Not a terminal, so the text may be kept.
  expect(err).toContain('export SIDECAR_TOKEN=…');
  expect(err).toContain(`chat --url ${String(url)}`);
  expect(err).toContain('LLM_PROVIDER=');
});

it('demo in desktop mode does not start, because that mode tells no token', async () => {
  await using folder = await createTemporaryFolder();

  const { code, out, err } = await runToEnd(['demo', '--auth', 'desktop'], { env: { SESSIONS_DIR: folder.join('s') } });

  expect([code, JSON.parse(out).code]).toEqual([2, 'CONFIG_INVALID']);
  expect(err).toContain('desktop mode tells no token');
});
