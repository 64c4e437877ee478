/** Everything that sandboxes of this machine need, tried out before anything of a tenant runs in one. */
import { readFileSync, statSync } from 'node:fs';
import type { Protection } from '../../protocol/protections.ts';
import { NODE_PROBER_FILE, nodeProbeProgram } from '../../runtimes/nodejs/index.ts';
import {
  type CgroupDriver,
  createSandboxes,
  findSharedLibraries,
  sandboxFilter,
  type Sandboxes,
  type SlotUids,
  testSandbox,
} from '../../sandbox/index.ts';
import { randomName } from '../../std/ids.ts';
import type { HostTools } from './host-tools.ts';
import { packagedFile } from './packaged-files.ts';
import { protectionsOf } from './protections.ts';

interface ConfinementOptions {
  tools: HostTools;
  cgroups: CgroupDriver;
  /** Null when the platform does not run as root. */
  slotUids: SlotUids | null;
  /** The clone, at a path that every uid can reach. */
  projectDir: string;
  /** Null when the configuration does not say where it is. */
  masterKeyFile: string | null;
}

export interface Confinement {
  sandboxes: Sandboxes;
  /** Of the pinned runtime. */
  libraries: Record<string, string>;
  protections: Protection[];
}

/** @throws PlatformError `sandbox-failed` when functions cannot be confined here: then none may run. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  const { tools, cgroups, slotUids, projectDir, masterKeyFile } = options;
  const filter = sandboxFilter(process.arch);
  const sandboxes = createSandboxes({ tools, cgroups, slotUids, filter });
  const node = packagedFile(projectDir, 'node');
  const libraries = await findSharedLibraries(node);
  const prober = nodeProbeProgram({ node, libraries, runner: `${projectDir}/${NODE_PROBER_FILE}` });
  await testSandbox(sandboxes, { name: `self-test-${randomName(6)}`, prober });
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
