import { configDefaults, defineConfig } from 'vitest/config';
import { longLadders } from './vitest.ladders.ts';

// Tests import the packages' sources through this condition, so no build is needed and stack traces
// point at TypeScript. Tests that spawn a process run built code: the global setup builds it.
const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];

// The longest files run where they are named on the command line, and with `pnpm torture`.
const excluded = longLadders.filter(
  (file) => !process.argv.slice(2).some((argument) => file.includes(argument)),
);

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...excluded],
    globalSetup: ['./test/build-once.ts'],
    setupFiles: ['./test/fixed-seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
