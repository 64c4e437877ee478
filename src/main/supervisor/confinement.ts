/** Everything that sandboxes of this machine need, tried out before anything of a tenant runs in one. */
import { readFileSync, statSync } from 'node:fs';
import { DEFAULT_LIMITS } from '../../model/limits.ts';
import type { Protection } from '../../protocol/protections.ts';
import { nodeWorkerProgram } from '../../runtimes/nodejs/index.ts';
import {
  type CgroupDriver,
  createSandboxes,
  findSharedLibraries,
  type Sandboxes,
  type SlotUids,
  testSandbox,
} from '../../sandbox/index.ts';
import { randomName } from '../../std/ids.ts';
import type { HostTools } from './host-tools.ts';
import { protectionsOf } from './protections.ts';

interface ConfinementOptions {
  tools: HostTools;
  cgroups: CgroupDriver;
  /** Null when the platform does not run as root. */
  slotUids: SlotUids | null;
  /** The pinned runtime, at a path that every uid can reach. */
  node: string;
  /** Null when the configuration does not say where it is. */
  masterKeyFile: string | null;
}

export interface Confinement {
  sandboxes: Sandboxes;
  /** Of `node`. */
  libraries: Record<string, string>;
  protections: Protection[];
}

/** @throws PlatformError `sandbox-failed` when functions cannot be confined here: then none may run. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  const { tools, cgroups, slotUids, node, masterKeyFile } = options;
  const sandboxes = createSandboxes({ tools, cgroups, slotUids });
  const libraries = await findSharedLibraries(node);
  // The probe takes the place of the worker's own program.
  const runtime = nodeWorkerProgram({ node, libraries, runner: node }, DEFAULT_LIMITS.memoryMib);
  await testSandbox(sandboxes, { name: `self-test-${randomName(6)}`, runtime });
  const protections = protectionsOf({
    isRoot: slotUids !== null,
    cgroups,
    hasSwap: hasSwap(readFileSync('/proc/swaps', 'utf8')),
    masterKeyFile: masterKeyFile === null ? null : fileMode(masterKeyFile),
    selfTests: { nodejs: null },
  });
  return { sandboxes, libraries, protections };
}

/** /proc/swaps: a line of headings, then one line for each space. */
function hasSwap(content: string): boolean {
  return content.trim().split('\n').length > 1;
}

function fileMode(path: string): { path: string; mode: number } | null {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? null : { path, mode: status.mode };
}
