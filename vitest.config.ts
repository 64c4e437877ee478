import { defineConfig } from 'vitest/config';

/**
 * Tests of modules alone. They leave nothing behind in their process but memory, so that files can share one. Those of
 * `protocol` are not among them: one makes an index of 20,000 texts, and takes eight times as long beside what others left.
 */
const MODULES = [
  'access',
  'build',
  'builder',
  'bundles',
  'certs',
  'consistency',
  'domains',
  'egress',
  'fuzz',
  'git',
  'git-hosts',
  'model',
  'network',
  'router',
  'secrets',
  'std',
  'telemetry',
].map((folder) => `test/${folder}/**/*.test.ts`);

/** Commands of their own (see package.json), so that `npm test` takes minutes on two cores. */
const LONG_SUITES = [
  'test/conformance/**/*.test.ts',
  'test/control-api/**/*.test.ts',
  'test/crash/**/*.test.ts',
  'test/docs/getting-started.test.ts',
  'test/docs/pages.test.ts',
  'test/e2e/code-cache.test.ts',
  'test/e2e/data-processes.test.ts',
  'test/e2e/dependencies.test.ts',
  'test/e2e/dependency-clients.test.ts',
  'test/e2e/deleted-while-pushed.test.ts',
  'test/e2e/deploy.test.ts',
  'test/e2e/egress.test.ts',
  'test/e2e/egress-filter.test.ts',
  'test/e2e/egress-left-connections.test.ts',
  'test/e2e/egress-machines.test.ts',
  'test/e2e/egress-without-root.test.ts',
  'test/e2e/endless-builds.test.ts',
  'test/e2e/external-packages.test.ts',
  'test/e2e/hostile-builds.test.ts',
  'test/e2e/install-scripts.test.ts',
  'test/e2e/unreached-registries.test.ts',
  'test/e2e/workspaces.test.ts',
  'test/faults/**/*.test.ts',
  'test/git/limits.test.ts',
  'test/git/other-clients.test.ts',
  'test/git/recorded-clients.test.ts',
  'test/history/long.test.ts',
  'test/hostile/**/*.test.ts',
  'test/https/**/*.test.ts',
  'test/main/unconfined.test.ts',
];

export default defineConfig({
  test: {
    // Many files start a whole platform; two at a time keep a small machine responsive.
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    globalSetup: 'test/support/database-server.ts',
    projects: [
      {
        extends: true,
        test: { name: 'modules', include: MODULES, exclude: LONG_SUITES, isolate: false },
      },
      {
        extends: true,
        test: {
          name: 'platform',
          include: ['test/**/*.test.ts'],
          // On a kernel of their own: npm run test:kernel.
          exclude: [...MODULES, ...LONG_SUITES, 'test/kernel/**'],
        },
      },
      { extends: true, test: { name: 'long', include: LONG_SUITES } },
    ],
  },
});
