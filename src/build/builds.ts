import type { Readable } from 'node:stream';
import type { BundleManifest } from '../bundles/index.ts';
import type { BuildProblem, FunctionLimits } from '../protocol/builder.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { buildKey } from './build-key.ts';
import { BuildQueue } from './build-queue.ts';
import { createHeartbeat } from './heartbeat.ts';
import type { BuildRecords, BundlesPort, Report, StartBuilder, StoredBundle } from './ports.ts';
import { runBuilder } from './run-builder.ts';
import { createSharedRuns } from './shared-runs.ts';
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
  /** The commit's tar; asked for at most once, and not when the bundle is known. */
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
}

export interface BuildOptions {
  /** Builds that run at a time. */
  maxBuilds: number;
  timeoutMs: number;
  /** What the sandbox allows a builder, for messages. */
  memoryMib: number;
  /** Part of the build key: changes when the builder does, so that old bundles are not taken for its own. */
  builderVersion: string;
  defaults: FunctionLimits;
  maxima: FunctionLimits;
}

/** Booting the next builder at once would compete for the processor with the start of what was just built. */
const SPARE_DELAY_MS = 300;

export function createBuilds(deps: BuildDeps, options: BuildOptions): Builds {
  const { bundles, records, clock } = deps;
  const spare = createSpareBuilder(deps.startBuilder);
  const queue = new BuildQueue(options.maxBuilds);
  const shared = createSharedRuns<BuildCommitAnswer>({ kind: 'cancelled' });

  async function findBuilt(appId: string, key: string): Promise<StoredBundle | null> {
    const hash = await records.find(appId, key);
    // A bundle that was lost or spoilt on disk is built again.
    if (hash === null || !(await bundles.verify(hash))) return null;
    return { hash, manifest: await bundles.readManifest(hash) };
  }

  async function build(
    request: CommitToBuild,
    { key, report, signal }: { key: string; report: Report; signal: AbortSignal },
  ): Promise<BuildCommitAnswer> {
    const heartbeat = createHeartbeat(report, clock);
    let release = (): void => {};
    try {
      release = await queue.take((ahead) => heartbeat.report(describePlace(ahead)), signal);
      return await buildNow(request, { key, report: heartbeat.report, signal });
    } catch (error) {
      if (signal.aborted) return { kind: 'cancelled' };
      if (error instanceof PlatformError && error.code === 'build-failed') {
        // The store refuses what no sound builder names its files.
        return { kind: 'failed', problems: [{ message: error.message, at: null, frame: [] }] };
      }
      throw error;
    } finally {
      heartbeat.stop();
      release();
      clock.after(SPARE_DELAY_MS, () => spare.prepare());
    }
  }

  async function buildNow(
    request: CommitToBuild,
    { key, report, signal }: { key: string; report: Report; signal: AbortSignal },
  ): Promise<BuildCommitAnswer> {
    const { appId, appName, openArchive } = request;
    const { defaults, maxima, timeoutMs, memoryMib } = options;
    const startedMs = clock.monotonicMs();
    const answer = await runBuilder(await spare.take(), {
      start: { appName, defaults, maxima },
      openArchive,
      timeoutMs,
      memoryMib,
      clock,
      report,
      signal,
    });
    if (answer.kind !== 'built') return answer;
    const { runtime, functions, warnings, files } = answer;
    const bundle = await bundles.put({ appId, runtime, functions, warnings, files });
    await records.record({ appId, key, bundle });
    const buildMs = Math.round(clock.monotonicMs() - startedMs);
    return {
      kind: 'built',
      bundle: bundle.hash,
      manifest: bundle.manifest,
      isCached: false,
      buildMs,
    };
  }

  return {
    start: () => spare.prepare(),
    close: () => spare.close(),
    async buildCommit(request, report, signal) {
      const { appId, commit } = request;
      const { builderVersion, defaults, maxima } = options;
      const key = buildKey({ appId, tree: commit.tree, builderVersion, defaults, maxima });
      const built = await findBuilt(appId, key);
      if (built !== null) {
        const { hash: bundle, manifest } = built;
        return { kind: 'built', bundle, manifest, isCached: true, buildMs: 0 };
      }
      return shared.join(key, { report, signal }, (run) => build(request, { key, ...run }));
    },
  };
}

function describePlace(ahead: number): string {
  return `       waiting for ${ahead} other ${ahead === 1 ? 'build' : 'builds'}`;
}
