/** Everything that sandboxes of this machine need, tried out before anything of a tenant runs in one. */
import { readFileSync, statSync } from 'node:fs';
import { PlatformError } from '../../protocol/errors.ts';
import type { Protection } from '../../protocol/protections.ts';
import { NODE_PROBER_FILE, nodeProbeProgram } from '../../runtimes/nodejs/index.ts';
import {
  type CgroupDriver,
  createSandboxes,
  findSharedLibraries,
  sandboxFilter,
  type Sandboxes,
  type SandboxProgram,
  type SlotUids,
  type SelfTest,
  testSandbox,
} from '../../sandbox/index.ts';
import type { SlotNetworks } from '../../network/index.ts';
import { randomName } from '../../std/ids.ts';
import { ownAddresses } from '../../std/own-addresses.ts';
import type { HostTools } from './host-tools.ts';
import { packagedFile } from './packaged-files.ts';
import { protectionsOf } from './protections.ts';

/** `fn server` with it runs functions although the self-test found a way out, for whoever trusts all that is pushed. */
export const UNSAFE_SINGLE_TENANT = '--unsafe-single-tenant';

const TRIAL_MS = 15_000;

interface ConfinementOptions {
  tools: HostTools;
  cgroups: CgroupDriver;
  /** Null when the platform does not run as root. */
  slotUids: SlotUids | null;
  /** The clone, at a path that every uid can reach. */
  projectDir: string;
  /** Null when the configuration does not say where it is. */
  masterKeyFile: string | null;
  /** The operator wants functions to run whatever the self-test finds. */
  insists: boolean;
}

export interface Confinement {
  sandboxes: Sandboxes;
  /** Of the pinned runtime. */
  libraries: Record<string, string>;
  protections: Protection[];
  /** What the self-test found, when functions run all the same; null when they are confined. */
  unconfined: string | null;
  /** Tries the same where functions have a network. @throws PlatformError `sandbox-failed` as well. */
  testNetwork(networks: Pick<SlotNetworks, 'lease'>): Promise<void>;
}

/** @throws PlatformError `sandbox-failed` when functions cannot be confined here: then none may run. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  const { tools, cgroups, slotUids, projectDir, masterKeyFile, insists } = options;
  const filter = sandboxFilter(process.arch);
  const sandboxes = createSandboxes({ tools, cgroups, slotUids, filter });
  const node = packagedFile(projectDir, 'node');
  const libraries = await findSharedLibraries(node);
  const prober = nodeProbeProgram({ node, libraries, runner: `${projectDir}/${NODE_PROBER_FILE}` });
  const unconfined = await findWaysOut(sandboxes, { prober }, insists);
  const protections = protectionsOf({
    isRoot: slotUids !== null,
    cgroups,
    hasSwap: hasSwap(readFileSync('/proc/swaps', 'utf8')),
    masterKeyFile: masterKeyFile === null ? null : fileMode(masterKeyFile),
    selfTests: { nodejs: unconfined },
  });
  return {
    sandboxes,
    libraries,
    protections,
    unconfined,
    testNetwork: async (networks) => {
      const leased = await networks.lease();
      try {
        const network = { file: leased.file, ownAddresses: [...ownAddresses()] };
        await findWaysOut(sandboxes, { prober, network }, insists);
      } finally {
        leased.close();
      }
    },
  };
}

/** Null when there are none. @throws PlatformError `sandbox-failed` when there are, unless the operator insists. */
async function findWaysOut(
  sandboxes: Sandboxes,
  test: Omit<SelfTest, 'name'>,
  insists: boolean,
): Promise<string | null> {
  try {
    await testSandbox(sandboxes, { name: `self-test-${randomName(6)}`, ...test });
    return null;
  } catch (error) {
    if (!(error instanceof PlatformError) || error.code !== 'sandbox-failed') throw error;
    // One that does not even start runs nothing, however much somebody insists.
    if (insists && (await starts(sandboxes, test.prober))) return error.message;
    const hint = `${error.hint ?? ''}; fn server ${UNSAFE_SINGLE_TENANT} serves all the same where a sandbox starts and only a probe gets through, for code that you trust like your own`;
    throw new PlatformError(error.code, error.message, { hint, cause: error });
  }
}

async function starts(sandboxes: Sandboxes, prober: SandboxProgram): Promise<boolean> {
  const [runtime = ''] = prober.command;
  const sandbox = sandboxes.start({
    name: `trial-${randomName(6)}`,
    program: { ...prober, command: [runtime, '--version'] },
    limits: { memoryMib: 128, maxTasks: 64, tmpMib: 4, cpuWeight: 100, cpuCores: 1 },
  });
  sandbox.boot();
  const timer = setTimeout(() => sandbox.kill(), TRIAL_MS);
  const { code } = await sandbox.exited;
  clearTimeout(timer);
  await sandbox.released;
  return code === 0;
}

/** /proc/swaps: a line of headings, then one line for each space. */
function hasSwap(content: string): boolean {
  return content.trim().split('\n').length > 1;
}

function fileMode(path: string): { path: string; mode: number } | null {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? null : { path, mode: status.mode };
}
