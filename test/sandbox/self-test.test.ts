import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testSandbox } from '../../src/sandbox/index.ts';
import { randomName } from '../../src/std/ids.ts';
import { openSandboxLab, type SandboxLab } from '../support/sandbox.ts';

let lab: SandboxLab;
beforeAll(async () => {
  lab = await openSandboxLab();
});
afterAll(() => lab.close());

describe('the self-test', () => {
  it('holds here', async () => {
    const runtime = await lab.program('');
    await testSandbox(lab.sandboxes, { name: randomName(12), runtime });
  });

  it('fails when a sandbox does not come to an end', async () => {
    const stuck = await lab.program('for (;;);');
    const runtime = { ...stuck, environment: { NODE_OPTIONS: '--import=/runner.mjs' } };
    const testing = testSandbox(lab.sandboxes, {
      name: randomName(12),
      runtime,
      deadlineMs: 1_000,
    });
    await expect(testing).rejects.toMatchObject({
      code: 'sandbox-failed',
      message: expect.stringContaining('has not ended after 1 s') as string,
    });
  });
});
