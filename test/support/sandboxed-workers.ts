/** Real sandboxes with the real worker in them, as the supervisor starts them. */
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { sandboxLimits } from '../../src/main/supervisor/sandboxes/sandbox-limits.ts';
import type { Sandboxes } from '../../src/pool/index.ts';
import { nodeWorkerProgram } from '../../src/runtimes/nodejs/index.ts';
import { findSharedLibraries } from '../../src/sandbox/index.ts';
import { assert } from '../../src/std/assert.ts';
import { randomName } from '../../src/std/ids.ts';
import { readProcessOutput } from '../../src/std/process-output.ts';
import { openSandboxLab } from './sandbox.ts';
import { bundleWorker } from './worker-process.ts';

export async function createSandboxedWorkers(
  environmentOf: (deployment: string) => Record<string, string>,
): Promise<Sandboxes & { close(): Promise<void> }> {
  const lab = await openSandboxLab();
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-workers-'));
  await chmod(folder, 0o711); // A sandbox has a uid of its own, and reads its program here.
  const runner = join(folder, 'worker.cjs');
  await bundleWorker(runner);
  const libraries = await findSharedLibraries(process.execPath);
  return {
    start: async (memoryMib) => {
      const program = nodeWorkerProgram({ node: process.execPath, libraries, runner }, memoryMib);
      const limits = sandboxLimits('zygote', memoryMib, availableParallelism());
      const sandbox = lab.sandboxes.start({
        name: randomName(12),
        program,
        limits,
        handsOverOutput: true,
      });
      assert(sandbox.output !== null, 'its output is for this process');
      const output = readProcessOutput(sandbox.output.stdout, sandbox.output.stderr);
      sandbox.boot();
      return {
        socket: sandbox.socket,
        output,
        specialise: (deployment) =>
          sandbox.giveEnvironment({ values: environmentOf(deployment), secretNames: [] }),
        kill: () => sandbox.kill(),
        freeze: () => sandbox.freeze(),
        thaw: () => sandbox.thaw(),
        exited: sandbox.exited.then(async (exit) => ({
          ...exit,
          stderrTail: await output.finish(),
        })),
      };
    },
    close: async () => {
      await lab.close();
      await rm(folder, { recursive: true });
    },
  };
}
