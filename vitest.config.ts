import { defineConfig } from 'vitest/config';

/** Bounds against hanging, not measures of speed: a busy machine with two cores needs many times what a quiet one does. */
const bounds = { testTimeout: 120_000, hookTimeout: 120_000, teardownTimeout: 60_000, expect: { poll: { timeout: 30_000 } } };

export default defineConfig({
  test: {
    pool: 'forks',
    maxWorkers: 2,
    retry: 0,
    projects: [
      { test: { name: 'unit', include: ['src/**/*.test.ts', 'tests/pins/**/*.test.ts'], ...bounds } },
      {
        test: {
          name: 'process',
          include: ['tests/e2e/**/*.test.ts', 'tests/faults/**/*.test.ts'],
          globalSetup: ['tests/support/build-once.ts'],
          setupFiles: ['tests/support/show-last-words.ts'],
          ...bounds,
        },
      },
    ],
  },
});
