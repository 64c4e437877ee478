import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createBudget } from '../../src/certs/index.ts';
import { createEngine, shiftedClock } from '../support/certificate-engine.ts';
import {
  type ChallengeResponder,
  startChallengeResponder,
} from '../support/challenge-responder.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';
import { usePlatform } from '../support/use-platform.ts';

const platform = usePlatform();
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
  const db = await createDatabase(platform());
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
  const db = await createDatabase(platform());
  const budget = createBudget({ db, clock: shiftedClock(0) }, { perWeek: 1 });
  const fail = async (): Promise<never> => {
    throw new Error('the authority is away');
  };
  const order = (names: string[], goesOn: boolean): Promise<unknown> =>
    budget.spend({ directory: 'https://ca.example/dir', names }, fail, () => goesOn);
  const name = `${randomBytes(4).toString('hex')}.example.net`;
  await expect(order([name], false)).rejects.toThrow('away');
  await expect(order([name], true)).rejects.toThrow('away');
  await expect(order([`www.${name}`], false)).rejects.toMatchObject({ code: 'budget-used' });
});
