import type { Static } from 'typebox';
import { commitUrl, productionUrl, refUrl, type PublicAddress } from '../../model/address.ts';
import type { DeployedAgain } from '../../deploy/index.ts';
import type { ServedFunction } from '../../model/served.ts';
import type {
  DeployedAgain as DeployedAgainView,
  DeployedFunction,
  Deployment as DeploymentView,
  DeploymentDetail,
} from '../../protocol/control-client.generated.ts';
import type { App } from '../../store/apps.ts';
import type { BundleRow } from '../../store/builds.ts';
import type { DeploymentFacts } from '../../store/deployment-names.ts';
import type { Deployment } from '../../store/deployments.ts';
import type { Release } from '../../store/releases.ts';
import type { ReleasePage } from './schema.ts';

export function presentDeployment(
  address: PublicAddress,
  app: App,
  deployment: Deployment,
): DeploymentView {
  const { id, version, kind, ref, commit, subject, author, state, bundle } = deployment;
  return {
    id,
    version,
    kind,
    ref,
    commit,
    subject,
    author,
    state,
    bundle,
    envVersion: deployment.envVersion,
    createdAt: deployment.createdAt.toISOString(),
    liveAt: deployment.liveAt?.toISOString() ?? null,
    buildMs: deployment.buildMs,
    url: urlOf(address, app, deployment),
    isCurrent: state === 'live',
    reason: deployment.reason,
    trigger: deployment.trigger,
  };
}

export function presentRelease(release: Release): Static<typeof ReleasePage>['items'][number] {
  const { version, commit, subject, trigger, sourceVersion, createdBy, liveAt, endedAt } = release;
  return {
    version,
    commit,
    subject,
    cause: trigger,
    sourceVersion,
    by: createdBy,
    liveAt: liveAt.toISOString(),
    endedAt: endedAt?.toISOString() ?? null,
    isCurrent: release.isCurrent,
  };
}

export function presentAgain(
  address: PublicAddress,
  app: App,
  { deployment, elapsedMs }: DeployedAgain,
): DeployedAgainView {
  return {
    deployment: presentDeployment(address, app, deployment),
    environmentVersion: deployment.envVersion,
    elapsedMs,
  };
}

export function presentDetail(
  address: PublicAddress,
  app: App,
  { deployment, facts, bundle }: InspectedDeployment,
): DeploymentDetail {
  return {
    ...presentDeployment(address, app, deployment),
    commitUrl: commitUrl(address, app.name, deployment.commit),
    sourceVersion: deployment.sourceVersion,
    createdBy: facts.createdBy,
    endedAt: facts.endedAt?.toISOString() ?? null,
    bundleBytes: bundle?.bytes ?? null,
    functions: bundle?.functions.map(presentFunction) ?? [],
  };
}

interface InspectedDeployment {
  deployment: Deployment;
  facts: DeploymentFacts;
  /** Null until it is built. */
  bundle: BundleRow | null;
}

function presentFunction(fn: ServedFunction): DeployedFunction {
  const { name, entry, path, methods, convention, memoryMib, timeoutMs, concurrency } = fn;
  return {
    name,
    entry: entry ?? null,
    path: path ?? null,
    methods: methods ?? null,
    convention: convention ?? null,
    memoryMib,
    timeoutMs,
    concurrency,
  };
}

function urlOf(address: PublicAddress, app: App, { kind, slug, commit }: Deployment): string {
  if (kind === 'production') return productionUrl(address, app.name);
  return slug === null ? commitUrl(address, app.name, commit) : refUrl(address, app.name, slug);
}
