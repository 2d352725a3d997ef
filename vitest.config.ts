import { defineConfig } from 'vitest/config';

// Tests import the packages' sources through this condition, so no build is needed and stack traces
// point at TypeScript. Tests that spawn a process run built code: the global setup builds it.
const conditions = ['@babuza/source', 'node', 'import', 'module', 'default'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    globalSetup: ['./test/build-once.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
