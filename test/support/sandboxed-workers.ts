/** Real sandboxes with the real worker in them, as the supervisor starts them. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sandboxes } from '../../src/pool/index.ts';
import { nodeWorkerProgram } from '../../src/runtimes/nodejs/index.ts';
import { findSharedLibraries } from '../../src/sandbox/index.ts';
import { randomName } from '../../src/std/ids.ts';
import { openSandboxLab } from './sandbox.ts';
import { bundleWorker } from './worker-process.ts';

export async function createSandboxedWorkers(
  environmentOf: (deployment: string) => Record<string, string>,
): Promise<Sandboxes & { close(): Promise<void> }> {
  const lab = await openSandboxLab();
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-workers-'));
  await chmod(folder, 0o711); // A sandbox has a uid of its own, and reads its program here.
  const runner = join(folder, 'worker.mjs');
  await bundleWorker(runner);
  const libraries = await findSharedLibraries(process.execPath);
  return {
    start: async (memoryMib) => {
      const program = nodeWorkerProgram({ node: process.execPath, libraries, runner }, memoryMib);
      const limits = { memoryMib, maxTasks: 64, tmpMib: 16, cpuWeight: 100, cpuCores: 1 };
      const sandbox = lab.sandboxes.start({ name: randomName(12), program, limits });
      sandbox.boot();
      return {
        socket: sandbox.socket,
        specialise: (deployment) =>
          sandbox.giveEnvironment({ values: environmentOf(deployment), secretNames: [] }),
        kill: () => sandbox.kill(),
        exited: sandbox.exited,
      };
    },
    close: async () => {
      await lab.close();
      await rm(folder, { recursive: true });
    },
  };
}
