import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sandboxes } from '../../src/pool/index.ts';
import { WorkerLink } from '../../src/pool/worker-link.ts';
import { systemClock } from '../../src/std/clock.ts';
import { wrapModule } from '../support/function-code.ts';
import { createSandboxedWorkers } from '../support/sandboxed-workers.ts';
import { createWorkerProcesses } from '../support/worker-process.ts';

/** What the pool may expect of whatever starts its workers, whichever that is. */
interface Implementation {
  sandboxes: Sandboxes;
  close(): Promise<void>;
}

const MEMORY_MIB = 128;
const environmentOf = (deployment: string): Record<string, string> => ({ OF: deployment });

async function plainProcesses(): Promise<Implementation> {
  const sandboxes = await createWorkerProcesses({ environmentOf });
  return { sandboxes, close: () => sandboxes.close() };
}

async function realSandboxes(): Promise<Implementation> {
  const sandboxes = await createSandboxedWorkers(environmentOf);
  return { sandboxes, close: () => sandboxes.close() };
}

describe.each([
  ['a plain process', plainProcesses],
  ['a sandbox', realSandboxes],
])('%s as a worker', (_, create) => {
  let implementation: Implementation;

  beforeAll(async () => {
    implementation = await create();
  });
  afterAll(() => implementation.close());

  async function boot() {
    const sandbox = await implementation.sandboxes.start(MEMORY_MIB);
    const link = new WorkerLink(sandbox.socket, systemClock);
    await new Promise<void>((resolve, reject) => {
      link.listen({ hello: resolve, closed: () => reject(new Error('ended while it booted')) });
    });
    return { sandbox, link };
  }

  async function specialise(source: string) {
    const booted = await boot();
    const { sandbox, link } = booted;
    const code = Buffer.from(await wrapModule(source));
    const names = { functionName: 'main', version: 'v1', file: 'main.js', entry: 'index.ts' };
    const limits = {
      memoryMib: MEMORY_MIB,
      timeoutMs: 5_000,
      initTimeoutMs: 5_000,
      concurrency: 2,
    };
    const choices = { path: null, convention: null, event: null };
    const ready = new Promise<string>((resolve) => {
      link.listen({
        ready: (head) => resolve(head.convention),
        initFailed: (head) => resolve(`failed: ${head.message}`),
      });
    });
    sandbox.specialise('dep-1');
    link.specialise({ ...names, ...limits, ...choices, deployment: 'dep-1' }, code);
    return { ...booted, convention: await ready };
  }

  it('says hello when it has booted, and ends when it is killed, also twice', async () => {
    const { sandbox } = await boot();
    sandbox.kill();
    sandbox.kill();
    expect((await sandbox.exited).code).not.toBe(0);
    sandbox.kill();
  });

  it('ends by itself when the other end of its socket has gone', async () => {
    const { sandbox, link } = await boot();
    link.destroy();
    await sandbox.exited;
  });

  it('runs what it is given, with the environment of its deployment and nothing of ours', async () => {
    const { sandbox, convention } = await specialise(
      `const { OF, HOME } = process.env;
       const isOurs = HOME !== undefined && HOME !== '/tmp';
       if (OF !== 'dep-1' || isOurs) throw new Error(JSON.stringify(process.env));
       export const handler = async () => 'fine';`,
    );
    expect(convention).toBe('lambda');
    sandbox.kill();
    await sandbox.exited;
  });

  it('tells with which code it exited', async () => {
    const { sandbox } = await specialise(
      `setTimeout(() => process.exit(7), 10);
       export const handler = async () => 'fine';`,
    );
    expect(await sandbox.exited).toMatchObject({ code: 7, signal: null, wasOutOfMemory: false });
  });
});
