/** What one generation knows of deployments that were asked for: for each, what its hosts answer. */
import type { ServedDeployment } from '../model/served.ts';
import { createSite, type Site } from './functions/function-requests.ts';
import type { Lock } from './private/index.ts';

/** For search engines, which show what only few shall find. */
const HIDDEN = ['x-robots-tag', 'noindex'];
/**
 * For caches that others ask: whoever they answer has not been asked for a secret. Beside what the function says itself, the
 * stricter of the two counts (RFC 9111 section 5.2.2.7).
 */
const PRIVATE = [...HIDDEN, 'cache-control', 'private'];

export interface Sites {
  /** The deployment as this host shows it. */
  siteOf(shown: { deployment: ServedDeployment; isPreview?: true }, lock: Lock | null): Site;
  /** One that was asked for, of that app. */
  deploymentOf(appName: string): ServedDeployment | null;
}

export function createSites(): Sites {
  const open = new Map<ServedDeployment, Site>();
  const hidden = new Map<ServedDeployment, Site>();
  const locked = new Map<ServedDeployment, Site>();

  function find(
    sites: Map<ServedDeployment, Site>,
    deployment: ServedDeployment,
    headers: readonly string[],
  ): Site {
    const site = sites.get(deployment) ?? createSite(deployment, headers);
    sites.set(deployment, site);
    return site;
  }

  return {
    siteOf: ({ deployment, isPreview }, lock) => {
      if (lock !== null) return find(locked, deployment, PRIVATE);
      return isPreview === true ? find(hidden, deployment, HIDDEN) : find(open, deployment, []);
    },
    deploymentOf: (appName) => {
      const all = [open, hidden, locked].flatMap((sites) => [...sites.keys()]);
      return all.find((deployment) => deployment.appName === appName) ?? null;
    },
  };
}
