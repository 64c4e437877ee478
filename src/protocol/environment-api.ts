/**
 * The control API's JSON for environments, beside control-api.ts. Secret values go in and never come out.
 *
 *     GET    /apps/:app/environment?version=          → EnvironmentView
 *     GET    /apps/:app/environment/versions?limit=   → Page<EnvironmentVersionView>, newest first
 *     PATCH  /apps/:app/environment                   EnvironmentPatch → EnvironmentResult
 *     PUT    /apps/:app/environment/:name             EnvironmentPut → EnvironmentResult
 *     DELETE /apps/:app/environment/:name?scope=      → EnvironmentResult
 *     POST   /master-key/rotation                     → MasterKeyRotation
 */
import type { ValueKind } from '../model/environment.ts';
import type { DeploymentView } from './control-api.ts';

/** `all`, `production`, `preview` or `branch:<name>`. */
export type ScopeName = string;

export interface EnvironmentView {
  version: number;
  items: EnvironmentItem[];
}

export interface EnvironmentItem {
  name: string;
  scope: ScopeName;
  kind: ValueKind;
  /** Builds get it too. */
  build: boolean;
  /** Null for secrets, and for a token that may see names only. */
  value: string | null;
  /** The environment version that set it. */
  version: number;
  updatedAt: string;
  /** Name of the token. */
  updatedBy: string | null;
}

export interface EnvironmentVersionView {
  version: number;
  createdAt: string;
  createdBy: string | null;
  /** The older version that it brought back. */
  restoredFrom: number | null;
  set: ScopedName[];
  unset: ScopedName[];
}

export interface ScopedName {
  name: string;
  scope: ScopeName;
}

/** What is left out stays as it was; a new value is of the kind that its name says, and not for builds. */
export interface EnvironmentPut {
  value: string;
  /** `all` without it. */
  scope?: ScopeName;
  kind?: ValueKind;
  build?: boolean;
}

/** All of it becomes one version, or nothing does. */
export interface EnvironmentPatch {
  set?: (EnvironmentPut & { name: string })[];
  unset?: { name: string; scope?: ScopeName }[];
}

export interface EnvironmentResult {
  /** The newest version; the one before when nothing was different. */
  version: number;
  set: (ScopedName & { kind: ValueKind })[];
  unset: ScopedName[];
  production: {
    /**
     * `none`: nothing is live. `current`: what is live runs with these values. `failed`: the code does not start with
     * them, so what was live before still serves, with the values of then. `postponed`: no worker could be had, and it
     * is tried again.
     */
    state: 'none' | 'current' | 'failed' | 'postponed';
    /** Whether this call made a new deployment. */
    isReleased: boolean;
    live: DeploymentView | null;
    reason: string | null;
  };
  /** Previews that got other values. */
  previews: number;
  /** What live code reads and will miss, and what became a secret unasked. */
  warnings: string[];
  elapsedMs: number;
}
