import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { type DataPlane, startDataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { createSandboxedWorkers } from '../support/sandboxed-workers.ts';

const HOLDS_400_MB = `
  const held = [];
  export const handler = async () => {
    for (let mb = 0; mb < 400; mb++) held.push(Array.from({ length: 131_072 }, (_, i) => i + 0.5));
    return { statusCode: 200, body: 'held ' + held.length };
  };
`;

let sandboxes: Awaited<ReturnType<typeof createSandboxedWorkers>>;
let data: DataPlane;
const started: number[] = [];
beforeAll(async () => {
  sandboxes = await createSandboxedWorkers(() => ({}));
  const start = (memoryMib: number) => {
    started.push(memoryMib);
    return sandboxes.start(memoryMib);
  };
  data = await startDataPlane({ sandboxes: { start } });
});
afterAll(async () => {
  await data.close();
  await sandboxes.close();
});

it('a function of 512 MB holds 400, in a worker that was booted before it was asked for', async () => {
  const zygotes = 2;
  await data.deploy(HOLDS_400_MB, { memoryMib: 512 }, 'large');
  await eventually(() => data.pool.status().zygotes === zygotes);
  expect(new Set(started)).toEqual(new Set([128, 512]));
  expect(await ask(data, 'large')).toMatchObject({ status: 200, body: 'held 400' });
});

it('one of 128 MB ends at its limit', async () => {
  await data.deploy(HOLDS_400_MB, { memoryMib: 128 }, 'small');
  expect(await ask(data, 'small')).toMatchObject({ status: 502 });
  expect(data.failures).toMatchObject([{ kind: 'out-of-memory', memoryMib: 128 }]);
});
