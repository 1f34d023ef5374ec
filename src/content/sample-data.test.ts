import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { extract } from 'tar';
import { describe, expect, it } from 'vitest';
import { checkContent } from './check-content.ts';
import { openWorkshop, sourcesOf } from './content-fixtures.ts';
import type { Workshop } from './content-fixtures.ts';
import { isTracked } from './task.ts';

/** The folder with the three sample archives; without it these tests count as skipped. */
const SAMPLE_DATA = process.env['SIDECAR_SAMPLE_DATA'] ?? '';
const has = SAMPLE_DATA.trim() !== '';

const C2 = 'course2_political_data_analysis';
interface Golden { id: string; language: string; required: number; tracked: number; kinds: Record<string, string>; bodies?: Record<string, [number, number]>; conflicts?: string[] }

const GOLDENS: Golden[] = [
  { id: 'course1_python_pandas_basics/ch0_pandas_basics', language: 'zh-Hans', required: 4, tracked: 6, conflicts: ['sort_data', 'group_data'],
    kinds: { core: 'load_csv explore_basic compute_stats filter_data', optional: 'sort_data group_data', scaffolding: 'create_test_csv setup_environment check_file_path' } },
  { id: `${C2}/ch1_first_contact_with_misconduct_dataset`, language: 'zh-Hans', required: 4, tracked: 4,
    kinds: { core: 'setup_colab_drive download_dataset load_yaml_data understand_instance_unit', scaffolding: 'install_dependencies check_drive_path print_raw_structure' } },
  { id: `${C2}/ch2_python_basis_pandas_fundamental`, language: 'zh-Hans', required: 4, tracked: 6,
    kinds: { core: 'inspect_python_types split_tags_field extract_tag_information row_column_reasoning', optional: 'inspect_consequence_dict count_by_type', scaffolding: 'review_string_methods debug_type_error' } },
  { id: `${C2}/ch3_reproducing_GovTrack`, language: 'zh-Hans', required: 5, tracked: 7,
    kinds: { core: 'explode_consequences parse_consequence_year compute_first_cons_year aggregate_by_time_and_type plot_misconduct_trends', optional: 'filter_resolved_cases yearly_trend', scaffolding: 'inspect_raw_dates debug_explode' } },
  { id: `${C2}/ch4_text_cleaning_intro_text_analysis`, language: 'zh-Hans', required: 5, tracked: 7,
    kinds: { core: 'compare_text_fields clean_text_field word_frequency_by_type plot_wordclouds ngram_analysis', optional: 'wordcloud_by_time allegation_ngram', scaffolding: 'install_wordcloud debug_tokenization inspect_stopwords' } },
  { id: `${C2}/ch5_vectorization_tfidf_similarity`, language: 'zh-Hans', required: 4, tracked: 6,
    kinds: { core: 'build_tfidf_matrix text_similarity_search cluster_cases interpret_clusters', optional: 'similarity_over_time compare_k_values', scaffolding: 'install_sklearn inspect_sparse_matrix debug_vectorizer' } },
  { id: `${C2}/ch6_LDA`, language: 'zh-Hans', required: 5, tracked: 7, bodies: { interpret_topics: [36, 47] },
    kinds: { core: 'build_dtm_for_lda fit_lda_model interpret_topics assign_topic_distribution topic_trends_over_time', optional: 'topic_by_type topic_and_consequences', scaffolding: 'install_sklearn inspect_topic_words debug_sparse_matrix' } },
  { id: `${C2}/ch7_final_mini_project_integrated_policy_analysis`, language: 'zh-Hans', required: 4, tracked: 4, bodies: { text_analysis_extension: [34, 56] },
    kinds: { mandatory: 'define_research_question replicate_govtrack_analysis text_analysis_extension discussion_and_limitations' } },
  { id: 'course3_LLM_social_science/ch1_intro_python_LLM', language: 'en', required: 6, tracked: 7, bodies: { numpy_vectorization: [88, 106], llm_debugging: [110, 128] },
    kinds: { core: 'markdown_introduction basic_variables_age functions_intro numpy_survey_simulation numpy_vectorization llm_debugging', advanced: 'file_io_intro' } },
];

async function unpack(shop: Workshop, name: string): Promise<string> {
  const cwd = join(shop.dir, name);
  await mkdir(cwd, { recursive: true });
  await extract({ file: join(SAMPLE_DATA, `${name}_v1.tar.gz`), cwd });
  return cwd;
}

describe('the sample archives', () => {
  it.skipIf(!has).each(GOLDENS)('$id has the tasks that stand in its list', async (golden) => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const { content, diagnostics } = await resolver.resolve({ chapterId: golden.id, sources: sourcesOf({ chapterBundle: await unpack(shop, 'curriculum') }) });
    const { tasks, language, task_list } = content.chapter;
    const lines = task_list.split('\n');

    expect(tasks.map(({ id, kind }) => [kind, id])).toEqual(Object.entries(golden.kinds).flatMap(([kind, ids]) => ids.split(' ').map((id) => [kind, id])));
    expect([language, tasks.filter((task) => task.required).length, tasks.filter(isTracked).length]).toEqual([golden.language, golden.required, golden.tracked]);
    for (const [id, [first, last]] of Object.entries(golden.bodies ?? {})) {
      expect(tasks.find((task) => task.id === id)).toMatchObject({ source_line: first, body: lines.slice(first - 1, last).join('\n') });
    }
    expect(diagnostics.map(({ code, message }) => [code, message.split(' ')[1]])).toEqual([
      ['manifest_missing', 'bundle:'], ...(golden.conflicts ?? []).map((id) => ['kind_conflict', id]),
    ]);
  });

  it.skipIf(!has)('count 73 tasks in three courses of 1, 7 and 1 chapters', async () => {
    const { chapters } = await checkContent(join(SAMPLE_DATA, 'curriculum_v1.tar.gz'));
    const kinds = Map.groupBy(chapters.flatMap(({ tasks }) => tasks), ({ kind }) => kind);

    expect(chapters.map(({ chapter_id }) => chapter_id)).toEqual(GOLDENS.map(({ id }) => id));
    expect(Object.fromEntries([...kinds].map(([kind, tasks]) => [kind, tasks.length]))).toEqual({ core: 37, mandatory: 4, optional: 12, advanced: 1, scaffolding: 19 });
  });

  it.skipIf(!has)('list 3 courses and 9 chapters with titles and descriptions', async () => {
    await using shop = await openWorkshop();
    const { courses, chapters, problems } = await (await shop.resolver({ curriculumDir: await unpack(shop, 'curriculum') })).list();

    expect(courses.map(({ course_id, chapter_count }) => [course_id, chapter_count])).toEqual([
      ['course1_python_pandas_basics', 1], [C2, 7], ['course3_LLM_social_science', 1],
    ]);
    expect(chapters.map(({ chapter_id }) => chapter_id)).toEqual(GOLDENS.map(({ id }) => id));
    expect([...courses, ...chapters].filter(({ title, description }) => title === '' || description === '')).toEqual([]);
    expect(chapters[0]).toMatchObject({ title: '第一章：Pandas数据处理基础', description: expect.stringMatching(/^本章将引导你/) });
    expect(problems).toEqual([]);
  });

  it.skipIf(!has)('replace three policies, keep the packaged protocol, and say that the skills are legacy', async () => {
    await using shop = await openWorkshop();
    const resolver = await shop.resolver();
    const { content, diagnostics } = await resolver.resolve({ chapterId: 'sample/ch1', sources: sourcesOf({ appAgents: await unpack(shop, 'agents') }) });

    expect(Object.values(content.agents).map(({ policy, skills }) => [policy.provenance, skills])).toEqual([['bundle', null], ['bundle', null], ['bundle', null]]);
    expect(Object.values(content.protocol).map(({ provenance }) => provenance)).toEqual(['packaged', 'packaged']);
    expect(diagnostics.map(({ code }) => code)).toEqual(['manifest_missing', ...Array<string>(3).fill('legacy_agent_skills_ignored')]);
  });

  it.skipIf(!has)('hold two expert packages among junk', async () => {
    await using shop = await openWorkshop();
    const root = await unpack(shop, 'experts');
    const { packages, diagnostics } = await (await shop.resolver()).findExperts(sourcesOf({ expertsShared: root }));

    expect(await readdir(root)).toContain('._experts');
    expect(packages.map(({ folderId }) => folderId)).toEqual(['concept_explainer', 'data_inspector']);
    expect(diagnostics.map(({ code }) => code)).toEqual(['manifest_missing']);
  });
});
