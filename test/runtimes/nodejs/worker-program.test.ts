import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isOutOfMemory } from '../../../src/pool/exit-text.ts';
import { heapFlags, nodeWorkerProgram } from '../../../src/runtimes/nodejs/worker-program.ts';
import { openSandboxLab, type SandboxLab } from '../../support/sandbox.ts';

let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

/** Runs code as a worker of that size, to its end. */
async function runWorker(code: string, memoryMib: number) {
  const { files } = await lab.program(code);
  const { '/usr/bin/node': node = '', '/runner.mjs': runner = '', ...libraries } = files;
  const sandbox = lab.sandboxes.start({
    name: randomUUID(),
    program: nodeWorkerProgram({ node, runner, libraries }, memoryMib),
    limits: { memoryMib, maxTasks: 128, tmpMib: 16, cpuWeight: 100, cpuCores: 1 },
  });
  sandbox.boot();
  return sandbox.exited;
}

describe('a Node worker', () => {
  it.each([
    ['objects', `const kept = []; for (;;) kept.push({ text: 'x' + kept.length });`],
    ['buffers', `const kept = []; for (;;) kept.push(Buffer.alloc(1 << 20, 1));`],
  ])('that fills its memory with %s is told to be out of memory', async (_, code) => {
    expect(isOutOfMemory(await runWorker(code, 128))).toBe(true);
  });

  it('that ends otherwise is not', async () => {
    const exit = await runWorker(`process.exit(3)`, 128);
    expect(exit).toMatchObject({ code: 3, wasOutOfMemory: false });
  });

  it.each([64, 128, 256, 512, 1024, 10_240])(
    'of %i MiB has a heap below its limit, and most of it',
    (memoryMib) => {
      const heapMib = Number(
        /^--max-old-space-size=(\d+)$/.exec(heapFlags(memoryMib)[0] ?? '')?.[1],
      );
      expect(heapMib).toBeLessThan(memoryMib);
      expect(heapMib).toBeGreaterThanOrEqual(memoryMib / 2);
    },
  );
});
