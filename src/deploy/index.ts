/**
 * Moves deployments from a commit to a URL and on to their end. It decides and records; it never builds, runs or routes
 * itself. Follow a push: push.ts → reservation.ts → release-command.ts → release.ts → publisher.ts; or reconcile.ts.
 */
export { createActivePushes, type ActivePushes } from './active-pushes.ts';
export { createAppLives, type AppLives } from './app-lives.ts';
export { createArchives, type Archives } from './archives.ts';
export { createAuditedPushes } from './audited-pushes.ts';
export { createAuditedReleases } from './audited-releases.ts';
export { createCommitDeployer } from './commit-deployer.ts';
export { createCommitPushes, StoredCommit, type CommitPushes } from './commit-pushes.ts';
export { createLiveRefs } from './live-refs.ts';
export * from './environment-changes.ts';
export { createEnvironmentReleases } from './environment-releases.ts';
export { createEnvironments } from './environments.ts';
export type * from './ports.ts';
export { createPublisher, type Publisher } from './publisher.ts';
export { createPushes, type Pushes } from './push.ts';
export * from './push-journal.ts';
export { createReconciler } from './reconcile.ts';
export { createPromotions, type Promotions } from './promote.ts';
export { createRedactors } from './redactors.ts';
export { createReleaseCommands } from './release-command.ts';
export { createReleases } from './release.ts';
export { createReservations, type Reservations } from './reservation.ts';
export { createDomainDeclarations } from './declare-domains.ts';
export { createDeployAgain, type DeployedAgain } from './deploy-again.ts';
export { createRedeploys } from './redeploy.ts';
export { createRollbacks, type RollbackRequest } from './rollback.ts';
export { createSealedKeeper } from './sealed-keeper.ts';
