/** What a learner who solved a task of the sample course would paste, and what one who is wrong would claim. */
export interface KnownAnswer { right: string; wrong: string }

const ANSWERS: Readonly<Record<string, KnownAnswer>> = {
  load_table: { right: 'I ran print(weather.shape) and it printed\n(122, 6)', wrong: 'I ran print(weather.shape) and it printed\n(61, 6)' },
  describe_columns: {
    right: 'date object, temp_min float64, temp_max float64, rain_mm float64, wind_kmh float64, sky object. One row stands for one day.',
    wrong: 'All six columns are numbers. One row stands for one month.',
  },
  count_missing: {
    right: 'weather.isna().sum() printed\ndate 0\ntemp_min 0\ntemp_max 3\nrain_mm 7\nwind_kmh 2\nsky 0\nso twelve (12) cells are missing in three columns',
    wrong: 'weather.isna().sum() printed only zeros, so nothing is missing',
  },
  filter_warm_days: { right: 'warm days: 12 rows have temp_max of 25 or more, the first is 2025-05-13', wrong: 'all rows are warm days' },
  summarise_rain: {
    right: 'mean of rain_mm 1.62 from 115 measured days, and 1.53 with the blanks replaced by 0', wrong: 'both means of rain_mm are the same',
  },
  count_groups: { right: 'study_methods.csv has shape (90, 4); value_counts printed 9 labels and 2 blanks', wrong: 'there are exactly three labels and no blanks' },
  clean_labels: { right: 'after strip and lower three groups remain: rereading 35, flashcards 32, practice tests 21, blank 2, in all 90', wrong: 'nine groups remain' },
  compare_means: {
    right: 'score by group: flashcards count 31 mean 68.9, practice tests count 20 mean 56.9, rereading count 33 mean 63.9', wrong: 'all groups have the same mean score',
  },
  check_medians: {
    right: 'medians: practice tests 69.5, flashcards 69, rereading 64; four empty sheets pull the mean of practice tests down to 56.9', wrong: 'mean and median agree in every group',
  },
  write_conclusion: {
    right: 'By the median practice tests (69.5, 20 scores) and flashcards (69, 31 scores) are level and rereading (64, 33) is lower. Methods were chosen freely, so they only went together with the scores.',
    wrong: 'Practice tests cause bad scores.',
  },
};

/** Null for tasks of other courses: nothing is known about them. */
export function knownAnswer(taskId: string | null): KnownAnswer | null {
  return taskId !== null && Object.hasOwn(ANSWERS, taskId) ? (ANSWERS[taskId] ?? null) : null;
}
