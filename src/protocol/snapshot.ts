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
  /** Deployment id that `<app>.<base>` serves; null before the first release. */
  production: string | null;
  /** Slug of a branch or tag → deployment id. */
  slugs: Record<string, string>;
  /** Full SHA of a commit that was the tip of a push → deployment id. */
  commits: Record<string, string>;
  /** Host names of the app beside those below the base domain; absent when it has none. */
  domains?: SnapshotDomain[];
}

/** A verified domain: no two of a snapshot have the same name. */
export interface SnapshotDomain {
  /** In A-labels and lower case, or `*.` and such a name for all that are one label below it. */
  name: string;
  /** Slug of the branch or tag that it serves; null for production. */
  target: string | null;
  /** Name of the app's domain that it redirects to. */
  redirectTo: string | null;
}
