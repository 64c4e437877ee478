import { createHash } from 'node:crypto';
import type { FunctionLimits } from '../protocol/builder.ts';

/** Everything that decides what a build comes out as; the source is named by its git tree. */
export interface BuildInputs {
  appId: string;
  /** Object id of the commit's tree. */
  tree: string;
  /** Changes whenever the builder might turn the same tree into something else. */
  builderVersion: string;
  /** Says which values the build's environment has, without telling them. */
  environmentVersion: string;
  defaults: FunctionLimits;
  maxima: FunctionLimits;
}

/** The name under which a build's result is found again, 64 hex digits. */
export function buildKey(inputs: BuildInputs): string {
  const { appId, tree, builderVersion, environmentVersion, defaults, maxima } = inputs;
  const limits = [limitsPart(defaults), limitsPart(maxima)];
  const parts = [appId, tree, builderVersion, environmentVersion, ...limits];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

function limitsPart(limits: FunctionLimits): number[] {
  return [limits.memoryMib, limits.timeoutMs, limits.concurrency, limits.maxBodyBytes];
}
