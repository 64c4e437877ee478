import { chmod, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { closeInheritedDescriptors } from '../../src/main/supervisor/machine/inherited-descriptors.ts';
import type { SandboxExit } from '../../src/protocol/supervisor.ts';
import {
  bubblewrapEnclosure,
  type CgroupDriver,
  createSandboxes,
  detectCgroups,
  findSharedLibraries,
  sandboxFilter,
  type Sandbox,
  type Sandboxes,
  type SandboxLimits,
  type SandboxProgram,
  type SlotUids,
} from '../../src/sandbox/index.ts';
import type { Enclosure } from '../../src/sandbox/enclosure.ts';
import { randomName } from '../../src/std/ids.ts';

const TOOLS = {
  sh: '/bin/sh',
  nsenter: '/usr/bin/nsenter',
  setpriv: '/usr/bin/setpriv',
  prlimit: '/usr/bin/prlimit',
};

export const SMALL_LIMITS: SandboxLimits = {
  memoryMib: 128,
  maxTasks: 64,
  tmpMib: 16,
  cpuWeight: 100,
  cpuCores: 1,
};

/** Uids of the sandboxes that tests start: random, so that files of tests do not share them. */
export const FIRST_TEST_UID = 200_000;
const UIDS_PER_LAB = 1_000;
const LABS = 10_000;

/** What stands in for the machine's own. */
interface LabParts {
  cgroups?: CgroupDriver;
  slotUids?: SlotUids | null;
  filter?: Buffer;
  enclosure?: Enclosure;
}

/** Runs JavaScript in real sandboxes; everything is gone after `close()`. */
export async function openSandboxLab(instead: LabParts = {}) {
  closeInheritedDescriptors(); // As the server does.
  const folder = await mkdtemp(join(await realpath(tmpdir()), 'sandbox-lab-'));
  // Sandboxes have uids of their own, and read their programs here.
  await chmod(folder, 0o711);
  const libraries = await findSharedLibraries(process.execPath);
  const base = `gitfn-test-${randomName(8)}`;
  const cgroups = instead.cgroups ?? detectCgroups(base);
  const slotUids = instead.slotUids === undefined ? testUids() : instead.slotUids;
  const enclosure =
    instead.enclosure ??
    bubblewrapEnclosure('/usr/bin/bwrap', instead.filter ?? sandboxFilter(process.arch));
  const real = createSandboxes({ tools: TOOLS, cgroups, slotUids, enclosure });
  const running = new Set<Sandbox>();
  const names: string[] = [];
  const sandboxes: Sandboxes = {
    start: (spec) => {
      const sandbox = real.start(spec);
      running.add(sandbox);
      names.push(spec.name);
      return sandbox;
    },
    startBy: async (launcher, spec) => {
      const sandbox = await real.startBy(launcher, spec);
      running.add(sandbox);
      names.push(spec.name);
      return sandbox;
    },
  };

  /** Makes a file that programs may be given; its path outside. */
  async function place(content: string | Buffer): Promise<string> {
    const file = join(folder, `${randomName(8)}.mjs`);
    await writeFile(file, content);
    await chmod(file, 0o755);
    return file;
  }

  async function program(code: string): Promise<SandboxProgram> {
    const file = await place(code);
    return {
      command: ['/usr/bin/node', '/runner.mjs'],
      files: { ...libraries, '/usr/bin/node': process.execPath, '/runner.mjs': file },
      environment: {},
    };
  }

  function startProgram(someProgram: SandboxProgram, limits: Partial<SandboxLimits> = {}): Sandbox {
    return sandboxes.start({
      name: randomName(12),
      program: someProgram,
      limits: { ...SMALL_LIMITS, ...limits },
    });
  }

  async function start(code: string, limits: Partial<SandboxLimits> = {}): Promise<Sandbox> {
    return startProgram(await program(code), limits);
  }

  async function released(): Promise<void> {
    await Promise.all([...running].map((sandbox) => sandbox.released));
  }

  return {
    cgroups,
    /** Folder of the cgroups, in the one that this process is in. */
    base,
    /** Of all that was started. */
    names: () => names,
    sandboxes,
    place,
    program,
    start,
    startProgram,
    /** Resolves when nothing is left of any sandbox that was started so far. */
    released,
    /** Runs to the end; what the program printed on stderr is its result. */
    async run(code: string, limits: Partial<SandboxLimits> = {}): Promise<SandboxExit> {
      const sandbox = await start(code, limits);
      sandbox.boot();
      return sandbox.exited;
    },
    async close(): Promise<void> {
      for (const sandbox of running) sandbox.kill();
      await released();
      await cgroups.close();
      await rm(folder, { recursive: true });
    },
  };
}

export type SandboxLab = Awaited<ReturnType<typeof openSandboxLab>>;

function testUids() {
  if (process.getuid?.() !== 0) return null;
  const free: number[] = [];
  let next = FIRST_TEST_UID + Math.floor(Math.random() * LABS) * UIDS_PER_LAB;
  return {
    lease: () => free.pop() ?? next++,
    release: (uid: number) => void free.push(uid),
  };
}
