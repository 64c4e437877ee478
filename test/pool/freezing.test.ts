import { afterAll, beforeAll, expect, it } from 'vitest';
import { ask } from '../support/ask.ts';
import { type DataPlane, startDataPlane } from '../support/data-plane.ts';
import { eventually } from '../support/eventually.ts';
import { createSandboxedWorkers } from '../support/sandboxed-workers.ts';

const FREEZE_MS = 150;
/** Counts in its sleep, as far as it is let. */
const COUNTS = `
  let ticks = 0;
  setInterval(() => ticks++, 1);
  export const handler = async () => ({ statusCode: 200, body: { ticks, at: Date.now(), gc: typeof gc } });
`;

let sandboxes: Awaited<ReturnType<typeof createSandboxedWorkers>>;
let data: DataPlane;
/** What was asked of the sandboxes, in this order. */
const asked: string[] = [];
beforeAll(async () => {
  sandboxes = await createSandboxedWorkers(() => ({}));
  const watched = {
    start: async (memoryMib: number) => {
      const sandbox = await sandboxes.start(memoryMib);
      return {
        ...sandbox,
        freeze: () => {
          asked.push('freeze');
          sandbox.freeze?.();
        },
        thaw: () => {
          asked.push('thaw');
          sandbox.thaw?.();
        },
      };
    },
  };
  data = await startDataPlane({ sandboxes: watched, pool: { freezeMs: FREEZE_MS } });
});
afterAll(async () => {
  await data.close();
  await sandboxes.close();
});

it('a frozen worker answers the next request, keeps what it had, and ends when its deployment does', async () => {
  await data.deploy(COUNTS);
  await ask(data, 'hello');
  for (let round = 1; round <= 3; round += 1) {
    await eventually(() => asked.filter((word) => word === 'freeze').length === round);
    const { status, body } = await ask(data, 'hello');
    expect(status).toBe(200);
    expect(JSON.parse(body)).toMatchObject({ gc: 'undefined' });
  }
  expect(data.pool.status().workers).toBe(1);
  await eventually(() => asked.at(-1) === 'freeze');
  await data.deploy(`export const handler = async () => 'the next'`);
  await eventually(() => data.pool.status().workers === 0);
  expect(data.lines, 'none was killed').toEqual([]);
});

it('one that is idle counts no time', async ({ skip }) => {
  await data.deploy(COUNTS, {}, 'idle');
  const first = JSON.parse((await ask(data, 'idle')).body) as { ticks: number };
  const before = asked.length;
  await eventually(() => asked.slice(before).includes('freeze'));
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  const next = JSON.parse((await ask(data, 'idle')).body) as { ticks: number };
  if (next.ticks - first.ticks > 700) skip('nothing freezes here');
  expect(next.ticks - first.ticks).toBeLessThan(700);
});
