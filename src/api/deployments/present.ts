import { commitUrl, productionUrl, refUrl, type PublicAddress } from '../../model/address.ts';
import type { DeploymentView } from '../../protocol/control-api.ts';
import type { App } from '../../store/apps.ts';
import type { Deployment } from '../../store/deployments.ts';

/** `slugs` has the host-name part of each ref that has a host of its own. */
export function presentDeployment(
  address: PublicAddress,
  app: App,
  context: { deployment: Deployment; slugs: Map<string, string> },
): DeploymentView {
  const { deployment } = context;
  const { id, version, kind, ref, commit, subject, author, state, bundle } = deployment;
  const slug = context.slugs.get(ref);
  const ownUrl = slug === undefined ? commitUrl(address, app.name, commit) : null;
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
    url:
      kind === 'production'
        ? productionUrl(address, app.name)
        : (ownUrl ?? refUrl(address, app.name, slug ?? '')),
    isCurrent: state === 'live',
    reason: deployment.reason,
    trigger: deployment.trigger,
  };
}
