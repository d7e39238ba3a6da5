import { defineConfig } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** Ten minutes each, most of it waiting: what begins with them runs beside them. */
const longest = ['test/e2e/linux-root.test.ts', 'test/e2e/manager.test.ts'];

function isLong({ moduleId }: TestSpecification): boolean {
  return longest.some((file) => moduleId.endsWith(file));
}

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/peers/**', 'test/e2e/**'],
          setupFiles: ['test/fuzz-seed.ts'],
          // Of what hangs, not of what is slow: a busy machine is no fault.
          testTimeout: 20_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'peers', include: ['test/peers/**/*.test.ts'], testTimeout: 60_000, hookTimeout: 60_000, fileParallelism: false } },
      {
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          globalSetup: ['test/e2e/global-setup.ts'],
          testTimeout: 600_000,
          hookTimeout: 600_000,
          maxWorkers: 2,
        },
      },
    ],
  },
});
