/** Everything that sandboxes of this machine need, tried out before anything of a tenant runs in one. */
import { readFileSync, statSync } from 'node:fs';
import { PlatformError } from '../../../protocol/errors.ts';
import type { Protection } from '../../../protocol/protections.ts';
import { NODE_PROBER_FILE, nodeProbeProgram } from '../../../runtimes/nodejs/index.ts';
import {
  bubblewrapEnclosure,
  type CgroupDriver,
  createSandboxes,
  findSharedLibraries,
  plainEnclosure,
  sandboxFilter,
  type Sandboxes,
  type SandboxProgram,
  type SlotUids,
  type SelfTest,
  testSandbox,
} from '../../../sandbox/index.ts';
import type { SlotNetworks } from '../../../network/index.ts';
import { randomName } from '../../../std/ids.ts';
import { ownAddresses } from '../../../std/own-addresses.ts';
import { confinementRemedy } from './confinement-remedy.ts';
import { type HostTools, installCommand } from '../machine/host-tools.ts';
import { UNSAFE_SINGLE_TENANT } from '../../server-arguments.ts';
import { packagedFile } from '../machine/packaged-files.ts';
import { protectionsOf } from '../protections.ts';

const NOTHING_CONFINED = 'nothing is confined, functions and builds are plain processes';
const TRIAL_MS = 15_000;

interface ConfinementOptions {
  tools: HostTools;
  cgroups: CgroupDriver;
  /** Null when the platform does not run as root. */
  slotUids: SlotUids | null;
  /** The clone, at a path that every uid can reach. */
  projectDir: string;
  /** Where folders of functions lie, and where every uid reaches the same; used only where nothing is confined. */
  folders: { slotsDir: string; visibleDir: string };
  /** Null when the configuration does not say where it is. */
  masterKeyFile: string | null;
  /** The operator wants functions to run whatever the self-test finds. */
  insists: boolean;
}

export interface Confinement {
  sandboxes: Sandboxes;
  /** No sandbox starts here, and all runs as plain processes. */
  isPlain: boolean;
  /** Of the pinned runtime. */
  libraries: Record<string, string>;
  protections: Protection[];
  /** What the self-test found, when functions run all the same; null when they are confined. */
  unconfined: string | null;
  /** Tries the same where functions have a network. @throws PlatformError `sandbox-failed` as well. */
  testNetwork(networks: Pick<SlotNetworks, 'lease'>): Promise<void>;
}

/** @throws PlatformError `sandbox-failed` when functions cannot be confined here, unless the operator insists. */
export async function openConfinement(options: ConfinementOptions): Promise<Confinement> {
  const { cgroups, slotUids, projectDir, masterKeyFile, insists } = options;
  const node = packagedFile(projectDir, 'node');
  const libraries = await findSharedLibraries(node);
  const prober = nodeProbeProgram({ node, libraries, runner: `${projectDir}/${NODE_PROBER_FILE}` });
  const { sandboxes, isPlain, unconfined } = await chooseSandboxes(options, prober);
  const protections = protectionsOf({
    isRoot: slotUids !== null,
    isPlain,
    cgroups,
    hasSwap: hasSwap(readFileSync('/proc/swaps', 'utf8')),
    masterKeyFile: masterKeyFile === null ? null : fileMode(masterKeyFile),
    selfTests: { nodejs: unconfined },
  });
  return {
    sandboxes,
    isPlain,
    libraries,
    protections,
    unconfined,
    testNetwork: async (networks) => {
      const leased = await networks.lease();
      try {
        const network = { file: leased.file, ownAddresses: [...ownAddresses()] };
        const found = await findWaysOut(sandboxes, { prober, network });
        if (found !== null && !insists) throw refusal(found, found.hint);
      } finally {
        leased.close();
      }
    },
  };
}

type Choice = Pick<Confinement, 'sandboxes' | 'isPlain' | 'unconfined'>;

/** Bubblewrap's where they start, even if they leak; plain processes where they don't. Only who insists gets less than confinement. */
async function chooseSandboxes(
  options: ConfinementOptions,
  prober: SandboxProgram,
): Promise<Choice> {
  const { tools, cgroups, slotUids, folders, insists } = options;
  const common = { tools, cgroups, slotUids };
  let found = noBubblewrap();
  if (tools.bwrap !== null) {
    const enclosure = bubblewrapEnclosure(tools.bwrap, sandboxFilter(process.arch));
    const sandboxes = createSandboxes({ ...common, enclosure });
    const ways = await findWaysOut(sandboxes, { prober });
    if (ways === null) return { sandboxes, isPlain: false, unconfined: null };
    const areStarting = await starts(sandboxes, prober);
    if (!insists) throw refusal(ways, areStarting ? ways.hint : confinementRemedy());
    if (areStarting) return { sandboxes, isPlain: false, unconfined: ways.message };
    found = ways;
  }
  if (!insists) throw refusal(found, found.hint);
  const { slotsDir, visibleDir } = folders;
  const enclosure = plainEnclosure({ tools, dir: slotsDir, visibleDir });
  const sandboxes = createSandboxes({ ...common, enclosure });
  if (await starts(sandboxes, prober)) {
    return { sandboxes, isPlain: true, unconfined: `${NOTHING_CONFINED}: ${found.message}` };
  }
  throw new PlatformError('sandbox-failed', 'not even plain processes can be started here', {
    hint: `${tools.setpriv} or ${tools.prlimit} does not work under this user`,
  });
}

function noBubblewrap(): PlatformError {
  return new PlatformError('sandbox-failed', 'functions cannot be confined here:\nno bubblewrap', {
    hint: `run: ${installCommand(['bubblewrap'])}`,
  });
}

function refusal({ message, cause }: PlatformError, remedy = ''): PlatformError {
  return new PlatformError('sandbox-failed', message, {
    hint: `${remedy}\nor, only where all code that is pushed is trusted like your own: fn server ${UNSAFE_SINGLE_TENANT}`,
    cause,
  });
}

/** Null when there are none. */
async function findWaysOut(
  sandboxes: Sandboxes,
  test: Omit<SelfTest, 'name'>,
): Promise<PlatformError | null> {
  try {
    await testSandbox(sandboxes, { name: `self-test-${randomName(6)}`, ...test });
    return null;
  } catch (error) {
    if (error instanceof PlatformError && error.code === 'sandbox-failed') return error;
    throw error;
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
