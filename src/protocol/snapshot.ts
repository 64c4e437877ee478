import type { ServedDeployment } from '../model/served.ts';

/**
 * The route snapshot: all that data needs to route requests, written by control as one JSON file and replaced
 * whole. A data process loads the file at its start, so it serves with control and the database stopped.
 */
export interface Snapshot {
  /** Grows with every change; control waits until each live data process has acknowledged it. */
  generation: number;
  apps: SnapshotApp[];
  deployments: ServedDeployment[];
}

export interface SnapshotApp {
  name: string;
  /** Who may see it; private throughout when it is absent. */
  access?: SnapshotAccess;
  /** Deployment id that `<app>.<base>` serves; null before the first release. */
  production: string | null;
  /** Slug of a branch or tag → deployment id. */
  slugs: Record<string, string>;
  /** Full SHA of a commit that was the tip of a push → deployment id. */
  commits: Record<string, string>;
  /** Host names of the app beside those below the base domain; absent when it has none. */
  domains?: SnapshotDomain[];
}

export const ACCESS_LEVELS = ['public', 'private'] as const;
export type AccessLevel = (typeof ACCESS_LEVELS)[number];

export interface SnapshotAccess {
  production: AccessLevel;
  /** Branches, tags and commits. */
  previews: AccessLevel;
  /** What opens hosts that are private, as far as it has not expired. */
  links: SnapshotShareLink[];
}

/** What a host of an app serves. */
export interface ShareTarget {
  kind: 'production' | 'ref' | 'commit';
  /** `production`, the slug of a branch or tag, or the full SHA of a commit. */
  target: string;
}

export interface SnapshotShareLink extends ShareTarget {
  /** Of its secret: sha256, 64 hex digits. */
  hash: string;
  /** Milliseconds since the Unix epoch. */
  expiresAtMs: number;
}

/** Links of an app that have not expired. */
export const MAX_SHARE_LINKS = 200;

/** A verified domain: no two of a snapshot have the same name. */
export interface SnapshotDomain {
  /** In A-labels and lower case, or `*.` and such a name for all that are one label below it. */
  name: string;
  /** Slug of the branch or tag that it serves; null for production. */
  target: string | null;
  /** Name of the app's domain that it redirects to. */
  redirectTo: string | null;
}
