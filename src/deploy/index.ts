/**
 * Moves deployments from a commit to a URL and on to their end: queued → building → warming → live → draining → retired,
 * or failed. It decides and records; it never builds, runs or routes anything itself. Follow a push: push.ts →
 * reservation.ts → release-command.ts → release.ts → publisher.ts, or after a crash: reconcile.ts.
 */
export { createActivePushes } from './active-pushes.ts';
export { createArchives, type Archives } from './archives.ts';
export { createAuditedPushes } from './audited-pushes.ts';
export { createAuditedReleases } from './audited-releases.ts';
export { createCommitDeployer } from './commit-deployer.ts';
export { createLiveRefs } from './live-refs.ts';
export * from './environment-changes.ts';
export { createEnvironmentReleases } from './environment-releases.ts';
export { createEnvironments } from './environments.ts';
export type * from './ports.ts';
export { createPublisher, type Publisher } from './publisher.ts';
export { createPushes, type Pushes } from './push.ts';
export { createPushJournal, type PushJournal } from './push-journal.ts';
export type { PushRecord } from './push-record.ts';
export { createReconciler } from './reconcile.ts';
export { createPromotions, type Promotions } from './promote.ts';
export { createRedactors } from './redactors.ts';
export { createReleaseCommands } from './release-command.ts';
export { createReleases } from './release.ts';
export { createReservations } from './reservation.ts';
export { createDeclareDomains } from './declare-domains.ts';
export { createDeployAgain, type DeployedAgain } from './deploy-again.ts';
export { createRedeploys } from './redeploy.ts';
export { createRollbacks, type RollbackRequest } from './rollback.ts';
export { createSealedKeeper } from './sealed-keeper.ts';
