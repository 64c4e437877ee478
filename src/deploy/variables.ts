import { commitUrl, productionUrl, refUrl, type PublicAddress } from '../model/address.ts';
import type { DeploymentKind } from '../model/deployment.ts';
import type { CommitInfo } from '../protocol/git-front.ts';
import type { Deployment } from '../store/deployments.ts';

export interface DescribedDeployment {
  id: string;
  appName: string;
  kind: DeploymentKind;
  ref: string;
  /** The host-name part of the ref; null in production. */
  slug: string | null;
  version: number | null;
  commit: CommitInfo;
  envVersion: number;
}

/** The commit of a deployment that was built before; without its tree, which only builds ask for. */
export function commitOf({
  commit,
  subject,
  author,
}: Pick<Deployment, 'commit' | 'subject' | 'author'>): CommitInfo {
  return { sha: commit, tree: '', subject, author };
}

/** The host that this deployment answers on. */
export function deploymentUrl(
  address: PublicAddress,
  deployment: Pick<DescribedDeployment, 'appName' | 'kind' | 'slug' | 'commit'>,
): string {
  const { appName, kind, slug, commit } = deployment;
  if (kind === 'production') return productionUrl(address, appName);
  if (kind === 'commit' || slug === null) return commitUrl(address, appName, commit.sha);
  return refUrl(address, appName, slug);
}

/**
 * What the platform tells a function about itself; FN_FUNCTION is added by the worker. The commit is the true one,
 * in previews and after a rollback too.
 */
export function platformVariables(
  address: PublicAddress,
  deployment: DescribedDeployment,
): Record<string, string> {
  const { appName, kind, slug, commit } = deployment;
  const url = deploymentUrl(address, deployment);
  return {
    FN_ENV: kind === 'production' ? 'production' : 'preview',
    FN_URL: url,
    FN_BRANCH_URL: slug === null ? url : refUrl(address, appName, slug),
    FN_APP: appName,
    FN_DEPLOYMENT_ID: deployment.id,
    FN_VERSION: deployment.version === null ? '' : `v${deployment.version}`,
    FN_GIT_SHA: commit.sha,
    FN_GIT_REF: deployment.ref,
    FN_GIT_MESSAGE: commit.subject,
    FN_GIT_AUTHOR: commit.author,
    FN_ENV_VERSION: String(deployment.envVersion),
    GIT_REV: commit.sha,
  };
}
