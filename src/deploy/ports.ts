import type { Readable } from 'node:stream';
import type { DeclaredDomain } from '../domains/index.ts';
import type { ServedDeployment, ServedFunction } from '../model/served.ts';
import type { PrepareResult, ReleaseRun, ReleaseRunResult } from '../protocol/data-plane.ts';
import type { CommitInfo, NewCommit } from '../protocol/git-front.ts';
import type {
  SealedEnvironment,
  EnvironmentEntry,
  Scope,
  ValueChange,
  ValueKind,
} from '../model/environment.ts';
import type { EnvironmentNeeds, ReleaseCommand } from '../protocol/builder.ts';
import type { App } from '../store/apps.ts';
import type { Queryable } from '../store/database.ts';

/** Lines for the terminal of whoever waits: a pusher, or nobody. */
export type Report = (line: string) => void;

/** Turns a commit into a stored bundle, or says why not. */
export interface BuildPort {
  /** `source` delivers the commit's tar; it is not asked when the bundle is known already. */
  build(request: BuildRequest, report: Report, signal: AbortSignal): Promise<BuildAnswer>;
}

export interface BuildRequest {
  appId: string;
  appName: string;
  commit: CommitInfo;
  /** The variables that are marked for builds, and what tells them apart from other ones. */
  environment: { values: Record<string, string>; version: string };
  source: () => Promise<Readable>;
}

export type BuildAnswer =
  | { kind: 'built'; bundle: BuiltBundle; isCached: boolean; buildMs: number; warnings: string[] }
  /** Lines in the style of the push output, that say what to mend. */
  | { kind: 'failed'; summary: string; lines: string[] }
  | { kind: 'cancelled' };

export interface BuiltBundle {
  /** sha256 of its content, 64 hex digits. */
  hash: string;
  functions: ServedFunction[];
  bytes: number;
  hasPublicFiles: boolean;
  /** What it was built for. */
  runtime: string;
  /** Repository file of each function, for the pusher's eyes. */
  entries: Record<string, string>;
  /** What a push runs once, before the deployment goes live in production. */
  releaseCommand?: ReleaseCommand;
}

/** The workers behind the routes. */
export interface DataPlanePort {
  /** Starts one worker for each of these functions; a failure is an answer, not an exception. */
  prepare(deployment: ServedDeployment, functions: string[]): Promise<PrepareResult>;
  /**
   * Runs it to its end, or until the signal; `print` gets its output line by line. A failure is an answer, not an
   * exception.
   */
  runReleaseCommand(
    run: ReleaseRun,
    watch: { print: (line: string) => void; signal: AbortSignal },
  ): Promise<ReleaseRunResult>;
  release(deploymentId: string): Promise<void>;
  /** Their workers have an environment that was replaced; resolves when no new request can reach one. */
  restart(deploymentIds: string[]): Promise<void>;
  /** Resolves when each live data process routes by this generation or a later one. */
  applySnapshot(generation: number): Promise<void>;
}

/** Explains a failed start in the pusher's own source, by the bundle's source map. */
export interface ExplainPort {
  explain(bundle: string, stack: string): Promise<string[]>;
}

/** The environment that a deployment's workers get. */
export interface SealPort {
  seal(deploymentId: string, environment: SealedEnvironment): Promise<void>;
  /** Null when there is none that opens. */
  open(deploymentId: string): Promise<SealedEnvironment | null>;
  /** No harm where there is none. */
  remove(deploymentIds: string[]): Promise<void>;
  /** The deployments that have one. Cheap, however many there are. */
  list(): Promise<string[]>;
  /** Those that were sealed at least so long ago. */
  listOlderThan(ageMs: number): Promise<string[]>;
}

/** The stored values of apps, in versions. */
export interface EnvironmentPort {
  /** The newest; 0 before the first value. */
  version(appId: string): Promise<number>;
  read(appId: string, version: number): Promise<VersionedEntry[]>;
  /** Makes a version, in the transaction if one is given, with the values of an older one. @throws PlatformError not-found */
  restore(
    appId: string,
    version: number,
    by: { tokenId: string },
    transaction?: Queryable,
  ): Promise<{ version: number }>;
}

export interface VersionedEntry extends EnvironmentEntry {
  /** The version that set it. */
  since: number;
}

export interface ChangePort {
  /** All changes as one version, or none. @throws PlatformError bad-request, too-large, not-found */
  change(
    appId: string,
    changes: readonly ValueChange[],
    by: { tokenId: string },
  ): Promise<EnvironmentChange>;
}

export interface EnvironmentChange {
  /** The app's newest version, whether it is new or not. */
  version: number;
  set: { name: string; scope: Scope; kind: ValueKind }[];
  unset: { name: string; scope: Scope }[];
}

/** What a stored bundle brings and wants. */
export interface BundlePort {
  readNeeds(bundle: string): Promise<{
    needs: EnvironmentNeeds;
    /** `env` of fn.json. */
    variables: Record<string, string>;
    /** `egress` of fn.json. */
    egress: string[];
    /** `domains` of fn.json. */
    domains: string[];
    releaseCommand: ReleaseCommand | null;
  }>;
}

/** The host names of apps' own. */
export interface DomainsPort {
  /** Adds those that the app has not; what is wrong with one is an answer. */
  declare(app: App, names: readonly string[]): Promise<DeclaredDomain[]>;
}

/** The repositories. */
export interface RepositoryPort {
  listRefs(appId: string): Promise<{
    /** A push is under way. */
    isBusy: boolean;
    /** Those that pushes under way may move, or have moved and settle by themselves. */
    busyRefs: string[];
    refs: RepositoryRef[];
    /** Those below `refs/live/`. */
    live: { name: string; sha: string }[];
  }>;
  /** What a branch or tag is at now, tags not peeled; null when there is none of the name. */
  readRef(appId: string, ref: string): Promise<string | null>;
  /** Asks the git front to stream the commit's tar under a ticket. */
  sendArchive(request: {
    appId: string;
    sha: string;
    ticket: string;
    pushId: string | null;
  }): Promise<void>;
  publishLive(appId: string, refs: { name: string; sha: string | null }[]): Promise<void>;
  /** Writes a commit that no branch leads to yet. */
  writeCommit(appId: string, commit: NewCommit): Promise<CommitInfo>;
  /** False when the branch is elsewhere than expected; null stands for nowhere. */
  moveBranch(
    appId: string,
    move: { ref: string; sha: string; expected: string | null },
  ): Promise<boolean>;
  /** No harm when there is none. */
  remove(appId: string): Promise<void>;
}

export interface RepositoryRef {
  ref: string;
  sha: string;
  commit: CommitInfo;
}
