import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { createBudget } from '../../src/certs/index.ts';
import { startAnsweredPebble } from '../support/answered-pebble.ts';
import { startCaFaultProxy } from '../support/ca-fault-proxy.ts';
import { createEngine, shiftedClock } from '../support/certificate-engine.ts';
import {
  type ChallengeResponder,
  startChallengeResponder,
} from '../support/challenge-responder.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';

const DAY_MS = 24 * 60 * 60_000;

let pebble: Pebble;
let responder: ChallengeResponder;

beforeAll(async () => {
  pebble = await startPebble({ validitySeconds: 1 });
  responder = await startChallengeResponder(pebble);
});

afterAll(async () => {
  responder.close();
  await pebble.close();
});

it('an authority whose certificates are over at once is not asked without end', async () => {
  const db = await createDatabase();
  // As far ahead as a clock may be: what comes is over by it, and not for anybody else.
  const clock = shiftedClock(50 * 60_000);
  const wanted = [{ names: ['brief.example.com'], appId: null }];
  const engine = await createEngine({ db, pebble, responder, wanted, clock });
  const issued = (): number => engine.events.filter((line) => line.startsWith('issued')).length;
  engine.start();
  await eventually(() => expect(issued()).toBe(1));
  const [{ nextAttempt } = { nextAttempt: 0 }] = await engine.keeper.status();
  const restMs = nextAttempt - clock.now();
  expect(restMs).toBeGreaterThan(5_000);
  expect(restMs).toBeLessThanOrEqual(15_000);
  clock.shift(restMs + 1);
  await eventually(() => expect(issued()).toBe(2));
  expect(engine.events.filter((line) => line.startsWith('failed'))).toEqual([]);
});

it('the budget counts an order that goes on after an error, and none that is over', async () => {
  const db = await createDatabase();
  const budget = createBudget({ db, clock: shiftedClock(0) }, { perWeek: 1 });
  const fail = async (): Promise<never> => {
    throw new Error('the authority is away');
  };
  const order = (names: string[], goesOn: boolean, ca = 'ca.example'): Promise<unknown> =>
    budget.spend({ directory: `https://${ca}/dir`, names }, fail, () => goesOn);
  const name = `${randomBytes(4).toString('hex')}.example.net`;
  await expect(order([name], false)).rejects.toThrow('away');
  await expect(order([name], true)).rejects.toThrow('away');
  await expect(order([`www.${name}`], false)).rejects.toMatchObject({
    code: 'budget-used',
    message: '1 certificate was ordered for example.net within seven days at ca.example',
  });
  await expect(order([name], false, 'other.example')).rejects.toThrow('away');
});

it('orders what the weekly budget allows, says until when the rest waits, and orders it then', async () => {
  const { pebble: lasting, responder: answers } = await startAnsweredPebble();
  const proxy = await startCaFaultProxy(lasting);
  onTestFinished(() => proxy.close());
  const clock = shiftedClock(0);
  // Its answers tell our time, as they would.
  proxy.fault = () => ({
    kind: 'rewrite',
    body: (body) => body,
    headers: { date: new Date(clock.now()).toUTCString() },
  });
  const names = ['a.example.com', 'b.example.com', 'c.example.com', 'd.example.com', 'example.net'];
  const engine = await createEngine({
    db: await createDatabase(),
    pebble: lasting,
    responder: answers,
    wanted: names.map((name) => ({ names: [name], appId: null })),
    directories: [{ url: proxy.directory, stagingUrl: null }],
    perWeek: 2,
    clock,
  });
  engine.start();
  await eventually(() => expect(engine.events).toHaveLength(names.length));
  expect(engine.events.filter((line) => line.startsWith('issued'))).toHaveLength(3);
  const waiting = (await engine.keeper.status()).filter(({ state }) => state === 'failing');
  expect(waiting).toHaveLength(2);
  for (const { problem, nextAttempt } of waiting) {
    expect(problem?.code).toBe('budget-used');
    expect(problem?.message).toContain('2 certificates were ordered for example.com');
    expect(problem?.hint).toContain('ACME_CERTIFICATES_PER_WEEK');
    expect(nextAttempt - clock.now()).toBeGreaterThan(6.9 * DAY_MS);
  }
  expect(proxy.orders).toHaveLength(3);
  clock.shift(7 * DAY_MS + 60_000);
  await eventually(() => {
    expect(engine.events.filter((line) => line.startsWith('issued'))).toHaveLength(names.length);
  });
  expect(proxy.orders).toHaveLength(names.length);
});

it('tries again for who asks what waits after a failure, and not within a minute of it', async () => {
  const proxy = await startCaFaultProxy(pebble);
  onTestFinished(() => proxy.close());
  proxy.fault = (step) => (step === 'newOrder' ? { kind: 'answer', status: 500 } : null);
  const clock = shiftedClock(0);
  const name = 'asked.example.com';
  const engine = await createEngine({
    db: await createDatabase(),
    pebble,
    responder,
    wanted: [{ names: [name, `www.${name}`], appId: null }],
    directories: [{ url: proxy.directory, stagingUrl: null }],
    clock,
  });
  const waitMs = async (): Promise<number> => {
    const [status] = await engine.keeper.status();
    return (status?.nextAttempt ?? 0) - clock.now();
  };
  engine.start();
  for (const failures of [1, 2, 3]) {
    await eventually(() => expect(engine.events).toHaveLength(failures));
    if (failures < 3) clock.shift(61_000);
  }
  await engine.keeper.retry(name);
  expect(await waitMs()).toBeGreaterThan(60_000);
  clock.shift(61_000);
  await engine.keeper.retry('other.example.com');
  expect(await waitMs()).toBeGreaterThan(30_000);
  proxy.fault = () => null;
  await engine.keeper.retry(`www.${name}`);
  await eventually(() => expect(engine.events[3]).toBe(`issued ${name}`));
});
