import { Readable } from 'node:stream';
import {
  createActivePushes,
  createCommitDeployer,
  createDeployAgain,
  createDomainDeclarations,
  createEnvironmentChanges,
  createEnvironmentReleases,
  createEnvironments,
  createLiveRefs,
  createPublisher,
  createPushes,
  createPushJournal,
  createReconciler,
  createRedactors,
  createRedeploys,
  createReleaseCommands,
  createReleases,
  createReservations,
  createRollbacks,
  createSealedKeeper,
  type BuildAnswer,
} from '../../src/deploy/index.ts';
import type { Attempt } from '../../src/deploy/attempt.ts';
import type { SettlementDeps } from '../../src/deploy/settlements.ts';
import type { SealedEnvironment } from '../../src/model/environment.ts';
import type { DeclaredDomain } from '../../src/domains/index.ts';
import { ZERO_OID } from '../../src/model/ref.ts';
import type { EnvironmentNeeds } from '../../src/protocol/builder.ts';
import type { PrepareResult, ReleaseRun, ReleaseRunResult } from '../../src/protocol/data-plane.ts';
import type { CommitInfo, PushedRefs } from '../../src/protocol/git-front.ts';
import type { Snapshot } from '../../src/protocol/snapshot.ts';
import { createMasterKeys, createVault } from '../../src/secrets/index.ts';
import { systemClock, type Clock } from '../../src/std/clock.ts';
import { newId } from '../../src/std/ids.ts';
import { KeyedMutex } from '../../src/std/mutex.ts';
import { ensureApp, findApp, type App } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import { readSnapshot } from '../../src/store/routes.ts';
import { createDatabase } from '../support/database.ts';

interface ReleaseWatch {
  print: (line: string) => void;
  signal: AbortSignal;
}

/**
 * The deploy stage over a real database. What stands at its rim does what a test tells it: builds end when they are
 * let, the router may refuse a snapshot, refs are a map.
 */
export class DeployHarness {
  /** What the router serves: the last snapshot that it took. */
  served: Snapshot = { generation: 0, apps: [], deployments: [] };
  /** Branches and tags of the one repository. */
  readonly refs = new Map<string, CommitInfo>();
  /** What git shows below `refs/live/`. */
  readonly liveRefs = new Map<string, string>();
  readonly errors: unknown[] = [];
  readonly sealed = new Map<string, SealedEnvironment>();
  needs: EnvironmentNeeds = { reads: [], required: [] };
  build: (sha: string, signal: AbortSignal) => Promise<BuildAnswer> = async (sha) => built(sha);
  prepare: () => Promise<PrepareResult> = async () => READY;
  runReleaseCommand: (run: ReleaseRun, watch: ReleaseWatch) => Promise<ReleaseRunResult> =
    async () => ({ kind: 'succeeded' });
  applySnapshot: () => Promise<void> = async () => {};
  publishLive: () => Promise<void> = async () => {};
  egress: string[] = [];
  /** Of fn.json. */
  domains: string[] = [];
  declare: (names: readonly string[]) => Promise<DeclaredDomain[]> = async () => [];
  /** Bundles that cannot be read any more. */
  readonly damaged = new Set<string>();
  restart: (ids: string[]) => Promise<void> = async () => {};
  /** How much later it is than by the machine's clock. */
  laterMs = 0;
  /** Nobody tells where refs are. */
  isRepositoryAway = false;
  /** Of pushes that are under way. */
  busyRefs: string[] = [];
  /** Clears apps that go. */
  clearEnded: (attempt: Attempt) => Promise<void> = async () => {};
  /** How often apps whose making was cut off were looked at. */
  timesSettled = 0;
  readonly settlementDeps: SettlementDeps;
  readonly pushes;
  readonly journal = createPushJournal(systemClock);
  readonly active = createActivePushes();
  readonly rollbacks;
  readonly redeploys;
  readonly environmentChanges;
  readonly environmentReleases;
  readonly reconciler;
  readonly #db: Database;
  #written: Snapshot | null = null;

  private constructor(db: Database) {
    this.#db = db;
    const address = {
      baseDomain: 'localhost',
      controlHost: 'localhost',
      scheme: 'http',
      port: 80,
    } as const;
    const data = {
      prepare: () => this.prepare(),
      runReleaseCommand: (run: ReleaseRun, watch: ReleaseWatch) =>
        this.runReleaseCommand(run, watch),
      release: async () => {},
      restart: (ids: string[]) => this.restart(ids),
      applySnapshot: async () => {
        await this.applySnapshot();
        if (this.#written !== null) this.served = this.#written;
      },
    };
    const seal = {
      seal: async (id: string, environment: SealedEnvironment) =>
        void this.sealed.set(id, environment),
      open: async (id: string) => this.sealed.get(id) ?? null,
      remove: async (ids: string[]) => ids.forEach((id) => this.sealed.delete(id)),
      list: async () => [...this.sealed.keys()],
      listOlderThan: async () => [...this.sealed.keys()],
    };
    const repository = {
      listRefs: async () => {
        if (this.isRepositoryAway) throw new Error('the git front is away');
        return {
          isBusy: this.busyRefs.length > 0,
          busyRefs: this.busyRefs,
          refs: [...this.refs].map(([ref, commit]) => ({ ref, sha: commit.sha, commit })),
          live: [...this.liveRefs].map(([name, sha]) => ({ name, sha })),
        };
      },
      readRef: async (_: string, ref: string) => this.refs.get(ref)?.sha ?? null,
      sendArchive: async () => {},
      publishLive: async (_appId: string, refs: { name: string; sha: string | null }[]) => {
        await this.publishLive();
        for (const { name, sha } of refs) {
          if (sha === null) this.liveRefs.delete(name);
          else this.liveRefs.set(name, sha);
        }
      },
    };
    const onError = (error: unknown): void => void this.errors.push(error);
    const publisher = createPublisher({
      readSnapshot: () => readSnapshot(db),
      writeSnapshot: async (snapshot) => void (this.#written = snapshot),
      data,
    });
    const liveRefs = createLiveRefs(repository, onError);
    const refLocks = new KeyedMutex();
    const clock: Clock = {
      ...systemClock,
      monotonicMs: () => systemClock.monotonicMs() + this.laterMs,
    };
    const masterKeys = createMasterKeys([Buffer.alloc(32, 7)]);
    const vault = createVault({ db, masterKeys });
    const bundles = {
      readNeeds: async (hash: string) => ({
        ...this.#requireSound(hash),
        needs: this.needs,
        variables: {},
        egress: this.egress,
        domains: this.domains,
        releaseCommand: null,
      }),
    };
    const environments = createEnvironments({ vault, bundles, address });
    const reservations = createReservations({ db, data, seal, environments });
    const locks = new KeyedMutex();
    const releases = createReleases({
      db,
      publisher,
      seal,
      environments,
      liveRefs,
      address,
      locks,
      onReleased: (app) => void this.environmentReleases.catchUp(app).catch(onError),
    });
    const explain = { explain: async () => [] };
    const deployer = createCommitDeployer({
      db,
      reservations,
      builds: { build: (request, _, signal) => this.build(request.commit.sha, signal) },
      archives: { open: async () => Readable.from([]), deliver: async () => {} },
      explain,
      active: this.active,
      environments,
      redactors: createRedactors({ db, vault, clock }),
      releaseCommands: createReleaseCommands(
        { data, seal, explain, clock, locks: new KeyedMutex() },
        { maxMemoryMib: 1024 },
      ),
      isConfined: true,
    });
    const declarations = createDomainDeclarations({
      db,
      bundles,
      domains: { declare: (_, names) => this.declare(names) },
      onError,
    });
    this.settlementDeps = {
      db,
      repository,
      deployer,
      reservations,
      releases,
      environments,
      address,
      declarations,
      clock,
      onUnsettled: () => this.reconciler.soon(),
    };
    this.pushes = createPushes({ ...this.settlementDeps, refLocks, journal: this.journal });
    const deployAgain = createDeployAgain({ db, reservations, releases, clock });
    const environmentLocks = new KeyedMutex();
    this.environmentReleases = createEnvironmentReleases({
      db,
      environments,
      deployAgain,
      seal,
      data,
      locks: environmentLocks,
    });
    this.environmentChanges = createEnvironmentChanges({
      db,
      vault,
      environments,
      environmentReleases: this.environmentReleases,
      requireRoom: async () => {},
    });
    this.rollbacks = createRollbacks({ db, deployAgain, vault });
    this.redeploys = createRedeploys({ db, deployAgain });
    this.reconciler = createReconciler({
      db,
      repository,
      pushes: this.pushes,
      reservations,
      releases,
      publisher,
      seal,
      sealedKeeper: createSealedKeeper({ db, seal, environments, locks: environmentLocks }),
      declarations,
      lives: {
        settleBegun: async () => void (this.timesSettled += 1),
        clearEnded: (attempt) => this.clearEnded(attempt),
      },
      environmentReleases: this.environmentReleases,
      refLocks,
      clock,
      drainMs: 0,
      onError,
    });
  }

  static async create(db: Database): Promise<DeployHarness> {
    await ensureApp(db, { id: 'app-1', name: 'hello' });
    return new DeployHarness(db);
  }

  #requireSound(hash: string): Record<string, never> {
    if (this.damaged.has(hash)) throw new Error('the bundle is damaged');
    return {};
  }

  get app(): Promise<App> {
    return findApp(this.#db, 'app-1').then((app) => {
      if (app === null) throw new Error('the harness has an app');
      return app;
    });
  }

  /** The whole of a push: hook, ref, hook. Returns what the pusher saw, or null when it was rejected. */
  async push(ref: string, sha: string | null): Promise<string[] | null> {
    const pushed = this.pushOf(ref, sha);
    const lines: string[] = [];
    const report = (line: string): void => void lines.push(line);
    const { signal } = new AbortController();
    if (!(await this.pushes.preReceive(pushed, report, signal))) return null;
    this.moveRef(ref, sha);
    await this.pushes.postReceive(pushed, report);
    return lines;
  }

  pushOf(ref: string, sha: string | null): PushedRefs {
    const oldSha = this.refs.get(ref)?.sha ?? ZERO_OID;
    const commit = sha === null ? null : commitOf(sha);
    return {
      pushId: newId('push'),
      appId: 'app-1',
      principal: { tokenId: 'tok-1', tokenName: 'test' },
      updates: [{ ref, oldSha, newSha: sha ?? ZERO_OID, commit }],
    };
  }

  moveRef(ref: string, sha: string | null): void {
    if (sha === null) this.refs.delete(ref);
    else this.refs.set(ref, commitOf(sha));
  }

  /** The commit that production, or the host of a slug, answers with. */
  commitServed(slug: string | null = null): string | undefined {
    const [app] = this.served.apps;
    const id = slug === null ? app?.production : app?.slugs[slug];
    return this.served.deployments.find((deployment) => deployment.id === id)?.commit;
  }
}

export const BROKEN: PrepareResult = {
  kind: 'failed',
  function: 'main',
  failure: { reason: 'threw', message: 'broken', stack: '' },
};

export const READY: PrepareResult = { kind: 'ready', initMs: 1, conventions: {} };

/** A SHA of one repeated digit. */
export const sha = (digit: string): string => digit.repeat(40);

export function built(commit: string): BuildAnswer {
  const facts = {
    functions: [],
    bytes: 1,
    hasPublicFiles: false,
    runtime: 'nodejs26',
    entries: {},
  };
  const bundle = { hash: commit.padEnd(64, '0'), ...facts };
  return { kind: 'built', bundle, isCached: false, buildMs: 1, warnings: [] };
}

/** A harness on a database of its own. */
export async function setUpDeploys(): Promise<{ database: Database; harness: DeployHarness }> {
  const database = await createDatabase();
  return { database, harness: await DeployHarness.create(database) };
}

/** The next workers are up, or fail, when it is said; all later ones are up at once. */
export function holdNextWorkers(harness: DeployHarness): {
  begun: Promise<void>;
  end: (result: PrepareResult) => void;
} {
  const begun = Promise.withResolvers<void>();
  const prepared = Promise.withResolvers<PrepareResult>();
  harness.prepare = () => {
    harness.prepare = async () => READY;
    begun.resolve();
    return prepared.promise;
  };
  return { begun: begun.promise, end: prepared.resolve };
}

/** Builds that end when they are let, by commit, or with their signal. */
export function heldBuilds(harness: DeployHarness): Map<string, () => void> {
  const release = new Map<string, () => void>();
  harness.build = (commit, signal) =>
    new Promise((resolve) => {
      release.set(commit, () => resolve(built(commit)));
      signal.addEventListener('abort', () => resolve({ kind: 'cancelled' }));
    });
  return release;
}

/** Accepted, and the refs are where it has put them; nothing is released yet. */
export async function pushWithoutHook(
  harness: DeployHarness,
  ref: string,
  commit: string | null,
): Promise<PushedRefs> {
  const pushed = harness.pushOf(ref, commit);
  const { signal } = new AbortController();
  if (!(await harness.pushes.preReceive(pushed, () => {}, signal))) throw new Error('rejected');
  harness.moveRef(ref, commit);
  return pushed;
}

function commitOf(commit: string): CommitInfo {
  return { sha: commit, tree: commit, subject: 'Change', author: 'A <a@example.com>' };
}
