import { commitUrl, productionUrl, refUrl, type PublicAddress } from '../../model/address.ts';
import type { DeploymentView } from '../../protocol/control-api.ts';
import type { App } from '../../store/apps.ts';
import type { Deployment } from '../../store/deployments.ts';

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

function urlOf(address: PublicAddress, app: App, { kind, slug, commit }: Deployment): string {
  if (kind === 'production') return productionUrl(address, app.name);
  return slug === null ? commitUrl(address, app.name, commit) : refUrl(address, app.name, slug);
}
