/** From host name to deployment. Pure: made whole from a snapshot, and replaced whole. */
import { isIP } from 'node:net';
import { hostUrl } from '../model/address.ts';
import { wildcardAbove } from '../model/domain.ts';
import type { ServedDeployment } from '../model/served.ts';
import { SLUG_SEPARATOR } from '../model/slug.ts';
import type { ShareTarget, Snapshot, SnapshotApp, SnapshotDomain } from '../protocol/snapshot.ts';
import type { PublicAddress } from '../main/process/start-options.ts';
import { type Lock, lockOf, lockOfUnknown } from './private/index.ts';

const COMMIT_PREFIX = /^[0-9a-f]{7,40}$/;

export type Route = OpenRoute | PrivateRoute;

/** What is behind it is for those alone who can open the lock, and so is whether there is anything. */
export interface PrivateRoute {
  kind: 'private';
  lock: Lock;
  behind: OpenRoute;
}

export type OpenRoute =
  | { kind: 'control' }
  /** `isPreview` where no search engine shall look: hosts of branches, tags and commits. */
  | { kind: 'deployment'; deployment: ServedDeployment; isPreview?: true }
  /** Another host answers in its place, `to`: a URL without path. `meanwhile`: while that cannot be reached yet. */
  | { kind: 'redirect'; host: string; to: string; meanwhile: Route }
  | { kind: 'unknown-host' }
  | { kind: 'unknown-app'; app: string }
  | { kind: 'nothing-deployed'; app: string }
  | { kind: 'unknown-branch'; app: string; slug: string }
  | { kind: 'unknown-commit'; app: string; prefix: string }
  | { kind: 'ambiguous-commit'; app: string; prefix: string };

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
    const own = domain.target === null ? findProduction(app) : findBranch(app, domain.target);
    const { redirectTo } = domain;
    if (redirectTo === null) return own;
    const target = domains.get(redirectTo)?.domain.target ?? null;
    const lock = lockOf(app, target === null ? PRODUCTION : { kind: 'ref', target });
    const to = hostUrl(address, redirectTo);
    return behindLock(lock, { kind: 'redirect', host: redirectTo, to, meanwhile: own });
  }

  function findInApp(label: string): Route {
    const cut = label.indexOf(SLUG_SEPARATOR);
    const name = cut === -1 ? label : label.slice(cut + SLUG_SEPARATOR.length);
    const routes = apps.get(name);
    if (routes === undefined) return { kind: 'unknown-app', app: name };
    if (cut === -1) return findProduction(routes.app);
    return findPreview(routes, label.slice(0, cut));
  }

  function findProduction(app: SnapshotApp): Route {
    const deployment = served(app.production);
    const route: OpenRoute =
      deployment === null
        ? { kind: 'nothing-deployed', app: app.name }
        : { kind: 'deployment', deployment };
    return behindLock(lockOf(app, PRODUCTION), route);
  }

  /** By a domain of somebody's own, which may be made for search engines. */
  function findBranch(app: SnapshotApp, slug: string): Route {
    const deployment = branch(app, slug);
    if (deployment === null) return unknown(app, { kind: 'unknown-branch', app: app.name, slug });
    return behindLock(lockOf(app, { kind: 'ref', target: slug }), {
      kind: 'deployment',
      deployment,
    });
  }

  function findPreview({ app, commits }: AppRoutes, slug: string): Route {
    const ofBranch = branch(app, slug);
    if (ofBranch !== null) return preview(app, ofBranch, { kind: 'ref', target: slug });
    if (!COMMIT_PREFIX.test(slug)) {
      return unknown(app, { kind: 'unknown-branch', app: app.name, slug });
    }
    const first = lowerBound(commits, slug);
    const sha = commits[first] ?? '';
    if (sha.startsWith(slug) && commits[first + 1]?.startsWith(slug) === true) {
      return unknown(app, { kind: 'ambiguous-commit', app: app.name, prefix: slug });
    }
    const ofCommit = sha.startsWith(slug) ? served(app.commits[sha]) : null;
    if (ofCommit !== null) return preview(app, ofCommit, { kind: 'commit', target: sha });
    return unknown(app, { kind: 'unknown-commit', app: app.name, prefix: slug });
  }

  function branch(app: SnapshotApp, slug: string): ServedDeployment | null {
    return Object.hasOwn(app.slugs, slug) ? served(app.slugs[slug]) : null;
  }

  function served(id: string | null | undefined): ServedDeployment | null {
    return (id === null || id === undefined ? undefined : deployments.get(id)) ?? null;
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

/** What is there for who can open the lock; null where there is none. */
export function unlocked(route: Route): { behind: OpenRoute; lock: Lock | null } {
  return route.kind === 'private' ? route : { behind: route, lock: null };
}

const PRODUCTION: ShareTarget = { kind: 'production', target: 'production' };

function preview(app: SnapshotApp, deployment: ServedDeployment, target: ShareTarget): Route {
  return behindLock(lockOf(app, target), { kind: 'deployment', deployment, isPreview: true });
}

/** Where previews are private, a name that there is not looks like one that there is. */
function unknown(app: SnapshotApp, route: OpenRoute): Route {
  return behindLock(lockOfUnknown(app), route);
}

function behindLock(lock: Lock | null, behind: OpenRoute): Route {
  return lock === null ? behind : { kind: 'private', lock, behind };
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
