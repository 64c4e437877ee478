import type { DeploymentKind } from './deployment.ts';

/** How one function of a deployment runs. */
export interface ServedFunction {
  name: string;
  /** File inside the bundle's folder, e.g. `main.js`. */
  file: string;
  /** Of that file: two deployments with the same one run the same code. 64 hex digits. */
  codeSha256?: string;
  /** Repository file that it was built from, e.g. `index.ts`: what messages name. */
  entry?: string;
  memoryMib: number;
  timeoutMs: number;
  /** Invocations that one worker takes at a time. */
  concurrency: number;
  maxBodyBytes: number;
  /** Which paths it answers, a pattern of protocol/path-pattern.ts; all of them when it is absent. */
  path?: string;
  /** The HTTP methods that it answers, in upper case; all of them when it is absent. */
  methods?: string[];
  /** The handler convention that fn.json names; found out from what the code exports when it is absent. */
  convention?: string;
  /** `lambda`: the event's body is the raw text, as AWS has it. */
  event?: 'lambda';
  /** The export that fn.json names as the handler; found out from what the code exports when it is absent. */
  handler?: string;
}

/** All that the data plane needs to know of a deployment; never a secret. */
export interface ServedDeployment {
  id: string;
  appName: string;
  kind: DeploymentKind;
  /** Null for the unnumbered deployments that commit hosts serve. */
  version: number | null;
  /** Full commit SHA, 40 hex digits. */
  commit: string;
  ref: string;
  /** sha256 of the bundle, 64 hex digits: the folder name in the bundle store. */
  bundle: string;
  functions: ServedFunction[];
  /** The bundle has files below `public/`, which the door serves before it asks a function. */
  hasPublicFiles?: boolean;
}
