import { PlatformError } from '../protocol/errors.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findDeploymentByName, findLiveProduction } from '../store/deployment-names.ts';
import type { Deployment } from '../store/deployments.ts';
import type { DeployAgain, DeployedAgain } from './deploy-again.ts';

/** Deploys a bundle again without a build: with the environment of now, on fresh workers. */
export interface Redeploys {
  /**
   * `target` is a version, a branch or tag, a commit or a deployment's id; null for what production serves.
   * @throws PlatformError not-found, conflict, release-failed
   */
  redeploy(app: App, target: string | null, by: { tokenId: string }): Promise<DeployedAgain>;
}

interface Deps {
  db: Database;
  deployAgain: DeployAgain;
}

export function createRedeploys({ db, deployAgain }: Deps): Redeploys {
  return {
    async redeploy(app, target, { tokenId }) {
      const source =
        target === null
          ? await findLiveProduction(db, app)
          : await findDeploymentByName(db, app, target);
      refuse(source);
      // What is live is not to replace what a push brings meanwhile, nor to come back when its branch is deleted.
      const replaces = source.state === 'live' ? source.id : undefined;
      return deployAgain(app, source, { trigger: 'redeploy', tokenId, replaces });
    },
  };
}

/** @throws PlatformError conflict */
function refuse({ kind, version, commit, state, liveAt }: Deployment): void {
  if (liveAt === null) {
    throw new PlatformError('conflict', `v${version} was never live`, {
      hint: 'mend it and push again; fn releases shows what was live',
    });
  }
  if (kind === 'production' || state === 'live') {
    if (kind !== 'commit') return;
    throw new PlatformError('conflict', `${commit.slice(0, 12)} was never deployed on a branch`, {
      hint: `deploy the commit itself: fn deploy ${commit.slice(0, 12)}`,
    });
  }
  // Its branch may be gone, and with it the host.
  throw new PlatformError('conflict', `v${version} of a ${kind} is not what its URL serves now`, {
    hint: `deploy that commit again: fn deploy ${commit.slice(0, 12)}`,
  });
}
