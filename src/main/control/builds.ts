import { createBuilds, type createDependencyCache, type Builds } from '../../build/index.ts';
import type { BundleStore } from '../../bundles/index.ts';
import { DEFAULT_LIMITS, MAX_BODY_BYTES_CEILING, MAX_CONCURRENCY } from '../../model/limits.ts';
import type { Clock } from '../../std/clock.ts';
import { findBuild, findLastBuild, recordBuild } from '../../store/builds.ts';
import type { Database } from '../../store/database.ts';
import type { createSandboxClient } from '../process/sandbox-client.ts';
import type { ControlOptions } from '../process/start-options.ts';

interface Deps {
  db: Database;
  clock: Clock;
  bundles: BundleStore;
  dependencyCache: ReturnType<typeof createDependencyCache>;
  sandboxes: ReturnType<typeof createSandboxClient>;
}

/** Builds, with their records in the database and the operator's limits. */
export function createControlBuilds(deps: Deps, options: ControlOptions): Builds {
  const { db, clock, bundles, dependencyCache, sandboxes } = deps;
  return createBuilds(
    {
      startBuilder: () => sandboxes.startBuilder(options.builderMemoryMib),
      bundles,
      records: {
        find: (appId, key) => findBuild(db, appId, key),
        record: ({ appId, key, bundle, inputs }) => {
          const builder = options.builderVersion;
          return recordBuild(db, appId, { key, bundle: bundle.hash, inputs, builder });
        },
        last: (appId) => findLastBuild(db, appId, options.builderVersion),
      },
      clock,
      dependencyCache,
    },
    {
      registries: options.registries,
      maxBuilds: options.maxBuilds,
      timeoutMs: options.buildTimeoutMs,
      memoryMib: options.builderMemoryMib,
      builderVersion: options.builderVersion,
      egressRules: options.egressRules,
      defaults: DEFAULT_LIMITS,
      maxima: {
        memoryMib: options.maxMemoryMib,
        timeoutMs: options.maxTimeoutMs,
        concurrency: MAX_CONCURRENCY,
        maxBodyBytes: MAX_BODY_BYTES_CEILING,
      },
    },
  );
}
