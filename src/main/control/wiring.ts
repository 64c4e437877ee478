/**
 * Builds the control process, top to bottom in the order of the tree. Long, flat and dull on purpose; over 300 lines since
 * it is one list.
 */
import { createAccess } from '../../access/index.ts';
import { createApi } from '../../api/index.ts';
import { createDependencyCache } from '../../build/index.ts';
import { createBundleStore } from '../../bundles/index.ts';
import {
  createActivePushes,
  createArchives,
  createAuditedPushes,
  createAuditedReleases,
  createCommitDeployer,
  createDomainDeclarations,
  createDeployAgain,
  createEnvironmentChanges,
  createEnvironmentReleases,
  createEnvironments,
  createLiveRefs,
  createPushes,
  createPushJournal,
  createReconciler,
  createRedactors,
  createPromotions,
  createRedeploys,
  createReleaseCommands,
  createReleases,
  createReservations,
  createRollbacks,
  createSealedKeeper,
} from '../../deploy/index.ts';
import type { ControlForGit } from '../../protocol/git-front.ts';
import { createRpcServer } from '../../protocol/rpc.ts';
import {
  createKeyBox,
  createMasterKeys,
  createRotation,
  createSealedCertificates,
  createSealedFiles,
  createVault,
} from '../../secrets/index.ts';
import { systemClock } from '../../std/clock.ts';
import { failpoint } from '../../std/failpoint.ts';
import { freshFor } from '../../std/fresh-for.ts';
import { KeyedMutex } from '../../std/mutex.ts';
import { isDatabaseUp, openDatabase } from '../../store/database.ts';
import { migrate } from '../../store/migrate.ts';
import type { SupervisorHost } from '../process/child-process.ts';
import {
  createBuildPort,
  createBundlePort,
  createExplain,
  createRepositories,
} from './deploy-ports.ts';
import { createControlBuilds } from './builds.ts';
import { adoptAdminToken, createAuditedDeclarations, openControlAudit } from './audit.ts';
import { createControlCertificates } from './certificates.ts';
import { createControlGitHosts } from './git-hosts.ts';
import { createControlConsistency } from './consistency.ts';
import { createControlDomains } from './domains.ts';
import { createControlFunctions } from './functions.ts';
import { startControlLogs } from './logs.ts';
import { createDataPlane } from './data-plane.ts';
import { createDisks } from './disks.ts';
import { endPushesInTime } from './end-pushes.ts';
import { createGitMethods } from './git-methods.ts';
import { listenOnSocket } from '../process/listen-on-socket.ts';
import type { Logger } from '../process/log.ts';
import { createMetricsForApi } from './metrics-for-api.ts';
import { createMasterKeyClient } from './master-key-client.ts';
import { createRoutePublisher } from './route-publisher.ts';
import { createSandboxClient } from '../process/sandbox-client.ts';
import type { ControlOptions } from '../process/start-options.ts';

/** Anybody may ask for them, as often as they like. */
const WARNINGS_MS = 2_000;

interface Surroundings {
  supervisor: SupervisorHost;
  log: Logger;
}

export async function wireControl(
  options: ControlOptions,
  { supervisor, log }: Surroundings,
): Promise<AsyncDisposableStack> {
  const stack = new AsyncDisposableStack();
  const clock = systemClock;
  const { address, sockets } = options;
  const onError = (error: unknown): void => log.error({ err: error }, 'background work failed');

  const db = openDatabase(options.databaseUrl, (error) => log.warn({ err: error }, 'database'));
  stack.defer(() => db.close());
  const migrated = await migrate(db, options.migrationsDir);
  if (migrated.length > 0) log.debug({ migrated }, 'migrated the database');

  const access = createAccess({ db, clock, onError }, options.oidc);

  const data = createDataPlane(options.dataSockets);
  const repository = createRepositories(sockets.gitForControl);
  const masterKeys = createMasterKeys(options.masterKeys.map((key) => Buffer.from(key, 'base64')));
  const seal = createSealedFiles(masterKeys, options.sealedDir);
  const masterKeyFile = createMasterKeyClient(supervisor);
  const certificateKeys = createSealedCertificates(masterKeys, options.certificatesDir);
  const sealedFiles = [seal, certificateKeys];
  const rotation = createRotation({ db, masterKeys, sealedFiles, file: masterKeyFile });
  // Before anything is encrypted.
  await rotation.settle();
  const keyBox = createKeyBox(masterKeys);
  const { log: audit, trail } = await openControlAudit({ db, keyBox, clock, onError }, options);
  await adoptAdminToken({ db, access, audit }, options.adminToken);
  const vault = createVault({ db, masterKeys });
  const redactors = createRedactors({ db, vault, clock });

  const disks = createDisks(options.diskFolders);
  const sandboxes = createSandboxClient(supervisor);
  const forGitHosts = { db, keyBox, clock, onError, sandboxes };
  const gitHosts = createControlGitHosts(forGitHosts, options);
  const bundles = createBundleStore(options.bundlesDir);
  const dependencyCache = createDependencyCache(options.cacheDir);
  const forBuilds = { db, clock, bundles, dependencyCache, sandboxes };
  const builds = createControlBuilds(forBuilds, options);
  stack.defer(() => builds.close());
  builds.start();

  const certificates = createControlCertificates(
    { db, clock, keyBox, certificateKeys, data, log },
    options,
  );
  await certificates?.open();
  const publisher = createRoutePublisher({ db, data, certificates }, options);
  const refLocks = new KeyedMutex();
  const liveRefs = createLiveRefs(repository, onError);
  const archives = createArchives(repository);
  const bundlePort = createBundlePort(bundles);
  const environments = createEnvironments({ vault, bundles: bundlePort, address });
  const reservations = createReservations({ db, data, seal, environments });
  const releaseLocks = new KeyedMutex();
  const releases = createAuditedReleases(
    createReleases({
      db,
      publisher,
      seal,
      environments,
      liveRefs,
      address,
      locks: releaseLocks,
      onReleased: (app) => void environmentReleases.catchUp(app).catch(onError),
    }),
    { db, audit },
  );
  const explain = createExplain(bundles);
  const releaseCommands = createReleaseCommands(
    { data, seal, explain, clock, locks: new KeyedMutex() },
    { maxMemoryMib: options.maxMemoryMib },
  );
  const active = createActivePushes();
  const deployer = createCommitDeployer({
    db,
    reservations,
    builds: createBuildPort(builds),
    archives,
    explain,
    active,
    environments,
    redactors,
    releaseCommands,
    isConfined: options.isConfined,
  });
  const journal = createPushJournal(clock);
  const lookAgain = (): void => {
    certificates?.keeper.lookAgain();
    certificates?.uploads.lookAgain();
  };
  const domains = createControlDomains(
    {
      db,
      clock,
      audit,
      routes: publisher,
      certificates: {
        lookAgain,
        retry: async (name) => certificates?.keeper.retry(name),
        status: async () => (await certificates?.keeper.status()) ?? [],
      },
      onError,
    },
    options,
  );
  const declarations = createDomainDeclarations({
    db,
    bundles: bundlePort,
    domains: createAuditedDeclarations(domains.registry, audit),
    onError,
  });
  const pushes = createAuditedPushes(
    createPushes({
      db,
      repository,
      deployer,
      reservations,
      releases,
      environments,
      address,
      refLocks,
      journal,
      declarations,
      clock,
      onUnsettled: () => reconciler.soon(),
    }),
    { db, audit, journal, clock },
  );
  const deployAgain = createDeployAgain({ db, reservations, releases, clock });
  const environmentLocks = new KeyedMutex();
  const environmentReleases = createEnvironmentReleases({
    db,
    environments,
    deployAgain,
    seal,
    data,
    locks: environmentLocks,
  });
  const environmentChanges = createEnvironmentChanges({
    db,
    vault,
    environments,
    environmentReleases,
    requireRoom: () => disks.requireRoom(),
  });
  const { lives, functions, invocations } = createControlFunctions(
    {
      data,
      redactors,
      db,
      repository,
      publisher,
      seal,
      bundles,
      dependencyCache,
      active,
      pushes,
      reservations,
      journal,
      vault,
      environmentChanges,
      domains: domains.registry,
      lookAgain,
      access,
      locks: releaseLocks,
      clock,
      onError,
    },
    options,
  );
  const rollbacks = createRollbacks({ db, deployAgain, vault });
  const redeploys = createRedeploys({ db, deployAgain });
  const promotions = createPromotions({
    db,
    deployAgain,
    environments,
    bundles: bundlePort,
    releaseCommands,
    declarations,
  });
  const reconciler = createReconciler({
    db,
    repository,
    pushes,
    reservations,
    releases,
    publisher,
    seal,
    sealedKeeper: createSealedKeeper({ db, seal, environments, locks: environmentLocks }),
    declarations,
    lives,
    environmentReleases,
    refLocks,
    clock,
    drainMs: options.drainMs,
    onError,
  });

  const consistency = createControlConsistency(
    { db, repository, bundles, seal, reservations, data, supervisor },
    options,
  );
  const publishRoutes = (): Promise<void> => publisher.publish();
  const forLogs = { db, bundles, redactors, log, publishRoutes, data };
  const logFollowers = await startControlLogs(forLogs, options, stack);

  const api = await createApi({
    db,
    access,
    audit,
    auditTrail: trail,
    gitHosts,
    rollbacks,
    redeploys,
    promotions,
    journal,
    vault,
    environmentChanges,
    functions,
    invocations,
    lives,
    domains: domains.registry,
    certificates: certificates?.forApi ?? null,
    rotation,
    consistency,
    metrics: createMetricsForApi(data, systemClock, log),
    routes: { publish: publishRoutes, previewDefault: options.previewAccess },
    address,
    ssh: options.ssh,
    version: options.version,
    commandLineFile: options.commandLineFile,
    logFollowers,
    now: () => clock.now(),
    isDatabaseUp: () => isDatabaseUp(db),
    diskWarnings: () => disks.warnings(),
    warnings: freshFor(WARNINGS_MS, clock, async () => [
      ...(await disks.warnings()),
      ...(await domains.registry.warnings()),
      ...((await certificates?.uploads.warnings()) ?? []),
    ]),
    readMetrics: async () => [
      ...((await certificates?.metrics()) ?? []),
      ...(await domains.registry.metrics()),
    ],
    isAlarmed: () => certificates?.keeper.isAlarmed === true,
    onBug: (error, requestId) => log.error({ err: error, requestId }, 'request failed'),
  });
  stack.defer(() => api.close());
  // First, or the readers of a running push would keep the API from closing.
  stack.defer(() => journal.close());
  await listenOnSocket(api.server, sockets.controlApi);

  const gitMethods = createRpcServer<ControlForGit>(
    createGitMethods({
      db,
      access,
      audit,
      pushes,
      archives,
      onError,
      tickets: gitHosts.tickets,
      routes: publisher,
      disks,
    }),
    (method, error) => log.error({ err: error, method }, 'call from the git front failed'),
  );
  stack.defer(() => new Promise<void>((resolve) => gitMethods.close(() => resolve())));
  await listenOnSocket(gitMethods, sockets.controlForGit);

  // What serves is what the database says, whatever was published when this process last stopped.
  await publisher.publish();
  const stopping = new AbortController();
  stack.defer(() => stopping.abort());
  endPushesInTime({ supervisor, journal, clock }, options);
  stack.defer(() => failpoint('control.drain-begun'));
  reconciler.start(stopping.signal);
  domains.start(stopping.signal);
  gitHosts.start(stopping.signal);
  certificates?.keeper.start(stopping.signal);
  certificates?.local?.start(stopping.signal);
  return stack;
}
