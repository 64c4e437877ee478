/** Authorities that keep us waiting: everything ends, and others are served meanwhile. */
import { expect, it, onTestFinished } from 'vitest';
import { startAnsweredPebble } from '../support/answered-pebble.ts';
import { startCaFaultProxy } from '../support/ca-fault-proxy.ts';
import { createEngine, shiftedClock } from '../support/certificate-engine.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

async function start(names: string[]) {
  const { pebble, responder } = await startAnsweredPebble();
  const proxy = await startCaFaultProxy(pebble);
  onTestFinished(() => proxy.close());
  const clock = shiftedClock(0);
  const engine = await createEngine({
    db: await createDatabase(),
    pebble,
    responder,
    clock,
    wanted: names.map((name) => ({ names: [name], appId: null })),
    directories: [{ url: proxy.directory, stagingUrl: null }],
  });
  return { engine, proxy, clock };
}

it('gives up an answer that never comes, and orders for others meanwhile', async () => {
  const { engine, proxy, clock } = await start([
    'hangs.example.com',
    'b.example.com',
    'c.example.com',
  ]);
  let hanging = 0;
  proxy.fault = (step) => {
    if (step !== 'finalize' || hanging > 0) return null;
    hanging += 1;
    return { kind: 'hang' };
  };
  engine.start();
  await eventually(() => expect(engine.events).toHaveLength(2));
  expect(engine.events.every((line) => line.startsWith('issued'))).toBe(true);
  expect(hanging).toBe(1);
  await eventually(() => expect(engine.events).toHaveLength(3), 45_000);
  expect(engine.events[2]).toMatch(
    /^failed \S+ unreachable: .* does not answer: it takes too long$/,
  );
  clock.shift(2 * 60_000);
  await eventually(() => expect(engine.events).toHaveLength(4));
  expect(engine.events[3]).toMatch(/^issued/);
  expect(proxy.orders).toHaveLength(3);
}, 90_000);

it('leaves an order alone that is processed without end, and goes on with it later', async () => {
  const { engine, proxy, clock } = await start(['slow.example.com']);
  let isSlow = true;
  const processing = (body: string): string =>
    JSON.stringify({ ...(JSON.parse(body) as object), status: 'processing' });
  proxy.fault = (step) => {
    const isFinal = step === 'order' && proxy.steps.includes('finalize');
    if (!isSlow || (step !== 'finalize' && !isFinal)) return null;
    return { kind: 'rewrite', body: processing };
  };
  engine.start();
  await eventually(() =>
    expect(proxy.steps.filter((step) => step === 'order').length).toBeGreaterThan(2),
  );
  clock.shift(4 * 60_000);
  await eventually(() => expect(engine.events).toHaveLength(1));
  expect(engine.events[0]).toContain('rate-limited: the order is still processing');
  isSlow = false;
  clock.shift(2 * 60_000);
  await eventually(() => expect(engine.events.slice(1)).toEqual(['issued slow.example.com']));
  expect(proxy.orders).toHaveLength(1);
});
