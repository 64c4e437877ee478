/** What deploy needs of other processes and of other stages, as the ports that it declares. */
import { join } from 'node:path';
import { describeProblems, explainStack, type Builds } from '../build/index.ts';
import type { BundleManifest, BundleStore } from '../bundles/index.ts';
import type {
  BuildPort,
  BuiltBundle,
  DataPlanePort,
  ExplainPort,
  RepositoryPort,
  SealPort,
} from '../deploy/ports.ts';
import type { ServedFunction } from '../model/served.ts';
import type { DataForControl } from '../protocol/data-plane.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { GitForControl } from '../protocol/git-front.ts';
import { createRpcClient } from '../protocol/rpc.ts';
import { sealEnvironment } from '../secrets/sealed.ts';
import { writeFileAtomically } from '../std/atomic-file.ts';

/** Data answers within milliseconds; one that does not is stuck, and a push must not hang with it. */
const APPLY_DEADLINE_MS = 10_000;

export function createDataPlane(socket: string): DataPlanePort {
  const call = createRpcClient<DataForControl>(socket, 'the router');
  return {
    prepare: (deployment) => call('prepare', { deployment }),
    release: async (deployment) => void (await call('release', { deployment })),
    async applySnapshot(generation) {
      const signal = AbortSignal.timeout(APPLY_DEADLINE_MS);
      try {
        await call('applySnapshot', { generation }, { signal });
      } catch (error) {
        // A data process that is away reads the newest snapshot when it starts: there is nobody to wait for.
        const isAway = error instanceof PlatformError && error.code === 'unavailable';
        if (!isAway || signal.aborted) throw error;
      }
    },
  };
}

export function createRepositories(socket: string): RepositoryPort {
  const call = createRpcClient<GitForControl>(socket, 'the git front');
  return {
    listRefs: (appId) => call('listRefs', { appId }),
    sendArchive: async (request) => void (await call('sendArchive', request)),
    publishLive: async (appId, refs) => void (await call('publishLive', { appId, refs })),
  };
}

export function createSeal(masterKey: Buffer, sealedDir: string): SealPort {
  return {
    seal: (id, environment) =>
      writeFileAtomically(
        join(sealedDir, `${id}.sealed`),
        sealEnvironment(masterKey, id, environment),
      ),
  };
}

export function createBuildPort(builds: Builds): BuildPort {
  return {
    async build({ appId, appName, commit, source }, report, signal) {
      const request = { appId, appName, commit, openArchive: source };
      const answer = await builds.buildCommit(request, report, signal);
      if (answer.kind === 'cancelled') return answer;
      if (answer.kind === 'failed') {
        const summary = answer.problems[0]?.message ?? 'the build failed';
        return { kind: 'failed', summary, lines: describeProblems(answer.problems) };
      }
      const { isCached, buildMs, manifest } = answer;
      const bundle = builtBundle(answer.bundle, manifest);
      const warnings = describeProblems(manifest.warnings);
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
    functions: manifest.functions satisfies ServedFunction[],
    bytes: manifest.files.reduce((sum, file) => sum + file.bytes, 0),
    entries: Object.fromEntries(manifest.functions.map(({ name, entry }) => [name, entry])),
  };
}
