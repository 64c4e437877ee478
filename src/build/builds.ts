import type { Readable } from 'node:stream';
import type { BundleManifest } from '../bundles/index.ts';
import type { EgressRule } from '../model/egress-rule.ts';
import type { BuildInputs, BuildProblem, FunctionLimits } from '../protocol/builder.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { failpoint } from '../std/failpoint.ts';
import { checkEgress } from './check-egress.ts';
import { buildKey } from './build-key.ts';
import { openLastBuild } from './last-build.ts';
import { BuildQueue } from './build-queue.ts';
import type { DependencyCache } from './dependency-cache.ts';
import type { BuildRecords, BundlesPort, Report, StartBuilder, StoredBundle } from './ports.ts';
import type { AllowedRegistry } from './registry-proxy.ts';
import { runBuilder, type BuilderAnswer } from './run-builder.ts';
import { createSharedRuns, type SharedRun } from './shared-runs.ts';
import { createSpareBuilder } from './spare-builder.ts';

export interface Builds {
  /** Boots the first builder ahead of the first push. */
  start(): void;
  /**
   * Turns a commit into a stored bundle: the one that its tree was built to before, or a new one. `report` gets
   * lines that are ready to print. Problems are for `describeProblems`.
   * @throws PlatformError when the platform cannot build now
   */
  buildCommit(
    request: CommitToBuild,
    report: Report,
    signal: AbortSignal,
  ): Promise<BuildCommitAnswer>;
  /** Ends the spare builder; builds under way end by their own signals. */
  close(): Promise<void>;
}

interface CommitToBuild {
  appId: string;
  appName: string;
  commit: { sha: string; tree: string };
  /** The variables that are marked for builds, and what tells them apart from other ones. */
  environment: { values: Record<string, string>; version: string };
  /**
   * The commit's tar; asked for at most once, and not when the bundle is known or another caller's tar of the same
   * tree was taken.
   */
  openArchive: () => Promise<Readable>;
}

export type BuildCommitAnswer =
  | {
      kind: 'built';
      /** sha256, 64 hex digits. */
      bundle: string;
      manifest: BundleManifest;
      isCached: boolean;
      /** 0 when it was cached; waiting for a turn does not count. */
      buildMs: number;
    }
  | { kind: 'failed'; problems: BuildProblem[] }
  | { kind: 'cancelled' };

export interface BuildDeps {
  startBuilder: StartBuilder;
  bundles: BundlesPort;
  records: BuildRecords;
  clock: Clock;
  /** Where installed dependencies are kept between builds; without it nothing is installed. */
  dependencyCache?: DependencyCache;
}

export interface BuildOptions {
  /** Where builds get packages from, and the only hosts that they reach. */
  registries?: readonly AllowedRegistry[];
  /** Builds that run at a time. */
  maxBuilds: number;
  timeoutMs: number;
  /** What the sandbox allows a builder, for messages. */
  memoryMib: number;
  /** Part of the build key: changes when the builder does, so that old bundles are not taken for its own. */
  builderVersion: string;
  defaults: FunctionLimits;
  maxima: FunctionLimits;
  /** What fn.json may ask for at most. */
  egressRules?: readonly EgressRule[];
}

type Run = SharedRun<CommitToBuild>;

interface BuildTarget {
  appId: string;
  key: string;
}

/** Only a builder that was taken over speaks of code that it was not told of. */
const UNSOUND_REUSE: BuildCommitAnswer = {
  kind: 'failed',
  problems: [
    {
      message: 'The build was stopped: it answered what no build answers',
      at: null,
      frame: [],
    },
  ],
};

/** Booting the next builder at once would compete for the processor with the start of what was just built. */
const SPARE_DELAY_MS = 150;

export function createBuilds(deps: BuildDeps, options: BuildOptions): Builds {
  const { bundles, records, clock } = deps;
  const spare = createSpareBuilder(deps.startBuilder);
  const queue = new BuildQueue(options.maxBuilds);
  const shared = createSharedRuns<CommitToBuild, BuildCommitAnswer>({ kind: 'cancelled' });

  async function findBuilt(appId: string, key: string): Promise<StoredBundle | null> {
    const hash = await records.find(appId, key);
    // A bundle that was lost or spoilt on disk is built again.
    if (hash === null || !(await bundles.verify(hash))) return null;
    return { hash, manifest: await bundles.readManifest(hash) };
  }

  async function build(target: BuildTarget, run: Run): Promise<BuildCommitAnswer> {
    let release = (): void => {};
    try {
      release = await queue.take(
        target.appId,
        (ahead) => run.report(describePlace(ahead)),
        run.signal,
      );
      return await buildNow(target, run);
    } catch (error) {
      if (run.signal.aborted) return { kind: 'cancelled' };
      if (error instanceof PlatformError && error.code === 'build-failed') {
        // The store refuses what no sound builder names its files.
        return { kind: 'failed', problems: [{ message: error.message, at: null, frame: [] }] };
      }
      throw error;
    } finally {
      release();
      clock.after(SPARE_DELAY_MS, () => spare.prepare());
    }
  }

  async function buildNow({ appId, key }: BuildTarget, run: Run): Promise<BuildCommitAnswer> {
    const startedMs = clock.monotonicMs();
    const last = await openLastBuild(deps, appId);
    const answer = await buildForAnyCaller(run, last?.inputs ?? null);
    if (answer.kind !== 'built') return answer;
    const { kind: _, reused, inputs, files, ...made } = answer;
    await failpoint('build.answered');
    const unchanged = reused.length === 0 ? [] : await last?.takeCode(reused);
    if (!unchanged) return UNSOUND_REUSE;
    const bundle = await bundles.put({ appId, ...made, files: [...files, ...unchanged] });
    await records.record({ appId, key, bundle, inputs });
    await failpoint('build.recorded');
    const buildMs = Math.round(clock.monotonicMs() - startedMs);
    return {
      kind: 'built',
      bundle: bundle.hash,
      manifest: bundle.manifest,
      isCached: false,
      buildMs,
    };
  }

  /**
   * All callers push the same tree, but each has objects of its own, which go away with a push that is superseded:
   * what one can't deliver is asked of the next.
   */
  async function buildForAnyCaller(
    { callers, report, signal }: Run,
    previous: BuildInputs | null,
  ): Promise<BuilderAnswer> {
    const { builderVersion, defaults, maxima, timeoutMs, memoryMib } = options;
    let failure: unknown = new PlatformError('unavailable', 'nobody waits for this build');
    for (const { request } of callers) {
      const { appId, appName, environment, openArchive } = request;
      const cache = deps.dependencyCache;
      const dependencies = cache && { appId, cache, registries: options.registries ?? [] };
      const buildEnvironment = environment.values;
      const limits = { defaults, maxima };
      const start = { appName, ...limits, previous, builderVersion, buildEnvironment };
      const run = { start, openArchive, timeoutMs, memoryMib, clock, report, signal };
      const how = dependencies === undefined ? run : { ...run, dependencies };
      const builder = await spare.take();
      try {
        return await runBuilder(builder, how);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** A bundle that is known already may be from a time when the operator allowed for more. */
  function withinPolicy(answer: BuildCommitAnswer): BuildCommitAnswer {
    if (answer.kind !== 'built') return answer;
    const problems = checkEgress(answer.manifest.egress ?? [], options.egressRules ?? []);
    return problems.length === 0 ? answer : { kind: 'failed', problems };
  }

  return {
    start: () => spare.prepare(),
    close: () => spare.close(),
    async buildCommit(request, report, signal) {
      const { appId, commit, environment } = request;
      const { builderVersion, defaults, maxima } = options;
      const key = buildKey({
        appId,
        tree: commit.tree,
        builderVersion,
        environmentVersion: environment.version,
        defaults,
        maxima,
      });
      const built = await findBuilt(appId, key);
      if (built !== null) {
        const { hash: bundle, manifest } = built;
        return withinPolicy({ kind: 'built', bundle, manifest, isCached: true, buildMs: 0 });
      }
      return withinPolicy(
        await shared.join(key, { request, report, signal }, (run) => build({ appId, key }, run)),
      );
    },
  };
}

function describePlace(ahead: number): string {
  return `       waiting for ${ahead} other ${ahead === 1 ? 'build' : 'builds'}`;
}
