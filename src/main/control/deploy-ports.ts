/** What deploy needs of other processes and of other stages, as the ports that it declares. */
import {
  describeProblems,
  describeWarnings,
  explainStack,
  type Builds,
} from '../../build/index.ts';
import type { BundleManifest, BundleStore } from '../../bundles/index.ts';
import type {
  BuildPort,
  BundlePort,
  BuiltBundle,
  ExplainPort,
  RepositoryPort,
} from '../../deploy/index.ts';
import type { ServedFunction } from '../../model/served.ts';
import type { SourcePort } from '../../functions/index.ts';
import type { GitForControl } from '../../protocol/git-front.ts';
import { createRpcClient } from '../../protocol/rpc.ts';
import { LoadingCache } from '../../std/loading-cache.ts';

/** The other processes answer within milliseconds; one that does not is stuck, and a push must not hang with it. */
const CALL_DEADLINE_MS = 10_000;
/** Of a large one there are many files. */
const REMOVE_DEADLINE_MS = 2 * 60_000;
const ARCHIVE_DEADLINE_MS = 5 * 60_000;

const within = (deadlineMs: number) => ({ signal: AbortSignal.timeout(deadlineMs) });

export function createRepositories(
  socket: string,
): RepositoryPort & SourcePort & { list(): Promise<string[]> } {
  const call = createRpcClient<GitForControl>(socket, 'the git front');
  return {
    list: async () => (await call('listRepositories', null, within(CALL_DEADLINE_MS))).appIds,
    listRefs: (appId) => call('listRefs', { appId }, within(CALL_DEADLINE_MS)),
    readRef: async (appId, ref) =>
      (await call('readRef', { appId, ref }, within(CALL_DEADLINE_MS))).sha,
    sendArchive: async (request) =>
      void (await call('sendArchive', request, within(ARCHIVE_DEADLINE_MS))),
    publishLive: async (appId, refs) =>
      void (await call('publishLive', { appId, refs }, within(CALL_DEADLINE_MS))),
    writeCommit: (appId, commit) =>
      call('writeCommit', { appId, commit }, within(CALL_DEADLINE_MS)),
    moveBranch: async (appId, move) => {
      const moved = await call('moveBranch', { appId, ...move }, within(CALL_DEADLINE_MS));
      return moved.isMoved;
    },
    readFiles: (appId, ref, paths) =>
      call('readFiles', { appId, ref, paths }, within(CALL_DEADLINE_MS)),
    remove: async (appId) =>
      void (await call('removeRepository', { appId }, within(REMOVE_DEADLINE_MS))),
  };
}

/** Bundles never change; this many are remembered, so as not to read their manifests again and again. */
const MAX_KNOWN_NEEDS = 200;

export function createBundlePort(bundles: Pick<BundleStore, 'readManifest'>): BundlePort {
  const known = new LoadingCache<Needs>(MAX_KNOWN_NEEDS, () => 1);
  return { readNeeds: (hash) => known.load(hash, () => readNeeds(bundles, hash)) };
}

type Needs = Awaited<ReturnType<BundlePort['readNeeds']>>;

async function readNeeds(bundles: Pick<BundleStore, 'readManifest'>, hash: string): Promise<Needs> {
  const manifest = await bundles.readManifest(hash);
  const { environment: needs, variables = {}, domains = [], releaseCommand } = manifest;
  const egress = (manifest.egress ?? []).map(({ rule }) => rule);
  return { needs, variables, egress, domains, releaseCommand };
}

export function createBuildPort(builds: Builds): BuildPort {
  return {
    async build({ appId, appName, commit, environment, source }, report, signal) {
      const request = { appId, appName, commit, environment, openArchive: source };
      const answer = await builds.buildCommit(request, report, signal);
      if (answer.kind === 'cancelled') return answer;
      if (answer.kind === 'failed') {
        const summary = answer.problems[0]?.message ?? 'the build failed';
        return { kind: 'failed', summary, lines: describeProblems(answer.problems) };
      }
      const { isCached, buildMs, manifest } = answer;
      const bundle = builtBundle(answer.bundle, manifest);
      const warnings = describeWarnings(manifest.warnings);
      return { kind: 'built', bundle, isCached, buildMs, warnings };
    },
  };
}

export function createExplain(bundles: BundleStore): ExplainPort {
  return { explain: (bundle, stack) => explainStack(bundles, bundle, stack) };
}

function builtBundle(hash: string, manifest: BundleManifest): BuiltBundle {
  return {
    hash,
    functions: manifest.functions.map((built): ServedFunction => {
      const codeSha256 = manifest.files.find(({ path }) => path === built.file)?.sha256;
      return codeSha256 === undefined ? built : { ...built, codeSha256 };
    }),
    hasPublicFiles: manifest.public.length > 0,
    runtime: manifest.runtime,
    bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
    entries: Object.fromEntries(manifest.functions.map(({ name, entry }) => [name, entry])),
    ...(manifest.releaseCommand && { releaseCommand: manifest.releaseCommand }),
  };
}
