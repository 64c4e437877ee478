/** From host name to deployment. Pure: made whole from a snapshot, and replaced whole. */
import { isIP } from 'node:net';
import { hostUrl } from '../model/address.ts';
import { wildcardAbove } from '../model/domain.ts';
import type { ServedDeployment } from '../model/served.ts';
import { SLUG_SEPARATOR } from '../model/slug.ts';
import type { Snapshot, SnapshotApp, SnapshotDomain } from '../protocol/snapshot.ts';
import type { PublicAddress } from '../main/start-options.ts';

const COMMIT_PREFIX = /^[0-9a-f]{7,40}$/;

export type Route =
  | { kind: 'control' }
  /** Another host answers in its place, `to`: a URL without path. `meanwhile`: while that cannot be reached yet. */
  | { kind: 'redirect'; host: string; to: string; meanwhile: DomainTarget }
  | { kind: 'unknown-app'; app: string }
  | { kind: 'unknown-host' }
  | { kind: 'unknown-commit'; app: string; prefix: string }
  | { kind: 'ambiguous-commit'; app: string; prefix: string }
  | DomainTarget;

/** What a domain can lead to. */
type DomainTarget =
  | { kind: 'deployment'; deployment: ServedDeployment }
  | { kind: 'nothing-deployed'; app: string }
  | { kind: 'unknown-branch'; app: string; slug: string };

export interface RouteTable {
  readonly generation: number;
  /** `host` is in lower case, without port. */
  find(host: string): Route;
}

interface AppRoutes {
  app: SnapshotApp;
  /** Full SHAs in order, for the search by prefix. */
  commits: string[];
}

interface DomainRoute {
  app: SnapshotApp;
  domain: SnapshotDomain;
}

export function createRouteTable(snapshot: Snapshot, address: PublicAddress): RouteTable {
  const deployments = new Map(snapshot.deployments.map((one) => [one.id, one]));
  const apps = new Map<string, AppRoutes>();
  const domains = new Map<string, DomainRoute>();
  for (const app of snapshot.apps) {
    apps.set(app.name, { app, commits: Object.keys(app.commits).sort() });
    for (const domain of app.domains ?? []) domains.set(domain.name, { app, domain });
  }
  const suffix = `.${address.baseDomain}`;

  /** An exact name goes before the wildcard that covers it, whichever apps they belong to. */
  function findByDomain(host: string): Route {
    const found = domains.get(host) ?? domains.get(wildcardAbove(host));
    if (found === undefined) return { kind: 'unknown-host' };
    const { app, domain } = found;
    const target = domain.target === null ? findProduction(app) : findBranch(app, domain.target);
    const { redirectTo } = domain;
    if (redirectTo === null) return target;
    const to = hostUrl(address, redirectTo);
    return { kind: 'redirect', host: redirectTo, to, meanwhile: target };
  }

  function findInApp(label: string): Route {
    const cut = label.indexOf(SLUG_SEPARATOR);
    const name = cut === -1 ? label : label.slice(cut + SLUG_SEPARATOR.length);
    const routes = apps.get(name);
    if (routes === undefined) return { kind: 'unknown-app', app: name };
    if (cut === -1) return findProduction(routes.app);
    return findPreview(routes, label.slice(0, cut));
  }

  function findProduction(app: SnapshotApp): DomainTarget {
    return served(app.production) ?? { kind: 'nothing-deployed', app: app.name };
  }

  function findBranch(app: SnapshotApp, slug: string): DomainTarget {
    const bySlug = Object.hasOwn(app.slugs, slug) ? served(app.slugs[slug]) : null;
    return bySlug ?? { kind: 'unknown-branch', app: app.name, slug };
  }

  function findPreview({ app, commits }: AppRoutes, slug: string): Route {
    const bySlug = findBranch(app, slug);
    if (bySlug.kind === 'deployment' || !COMMIT_PREFIX.test(slug)) return bySlug;
    const first = lowerBound(commits, slug);
    const sha = commits[first];
    if (sha === undefined || !sha.startsWith(slug)) {
      return { kind: 'unknown-commit', app: app.name, prefix: slug };
    }
    if (commits[first + 1]?.startsWith(slug) === true) {
      return { kind: 'ambiguous-commit', app: app.name, prefix: slug };
    }
    return served(app.commits[sha]) ?? { kind: 'unknown-commit', app: app.name, prefix: slug };
  }

  function served(id: string | null | undefined): DomainTarget | null {
    const deployment = id === null || id === undefined ? undefined : deployments.get(id);
    return deployment === undefined ? null : { kind: 'deployment', deployment };
  }

  return {
    generation: snapshot.generation,
    find: (host) => {
      if (host === address.controlHost || host === 'localhost' || isIP(host) !== 0) {
        return { kind: 'control' };
      }
      if (!host.endsWith(suffix)) return findByDomain(host);
      const label = host.slice(0, -suffix.length);
      if (label === '' || label.includes('.')) return { kind: 'unknown-host' };
      return findInApp(label);
    },
  };
}

/**
 * One deployment at every name of this very machine, for developing it. Any other name is somebody's attempt to reach
 * it from a web page (DNS rebinding).
 */
export function createLocalRouteTable(snapshot: Snapshot): RouteTable {
  const [deployment] = snapshot.deployments;
  const route: Route =
    deployment === undefined
      ? { kind: 'nothing-deployed', app: snapshot.apps[0]?.name ?? '' }
      : { kind: 'deployment', deployment };
  return {
    generation: snapshot.generation,
    find: (host) => {
      const isLocal = host === 'localhost' || host.endsWith('.localhost') || isIP(host) !== 0;
      return isLocal ? route : { kind: 'unknown-host' };
    },
  };
}

/** Index of the first element that is not before `wanted`. */
function lowerBound(sorted: readonly string[], wanted: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
