/** What authorities do on a bad day, step by step: nothing that is served is lost, and nobody is asked in a loop. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { CertificateProblem } from '../../src/certs/certificate-problem.ts';
import type { Database } from '../../src/store/database.ts';
import { listSchedule } from '../../src/store/certificate-schedule.ts';
import { type AcmeStep, type Fault, startCaFaultProxy } from '../support/ca-fault-proxy.ts';
import { createEngine, type Engine, shiftedClock } from '../support/certificate-engine.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultyPebble, startFaultyPebble } from '../support/faulty-pebble.ts';
import { type Pebble, startPebble } from '../support/pebble.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

let authority: FaultyPebble;
let pebble: FaultyPebble['pebble'];
let responder: FaultyPebble['responder'];
let proxy: FaultyPebble['proxy'];

beforeAll(async () => {
  authority = await startFaultyPebble();
  ({ pebble, responder, proxy } = authority);
});

afterAll(() => authority.close());

beforeEach(() => {
  proxy.fault = () => null;
  proxy.renewalInfo = null;
  proxy.steps.length = 0;
  proxy.orders.length = 0;
});

const NAME = 'bad.example.com';
const WANTED = [{ names: [NAME], appId: null }];

interface Started {
  engine: Engine;
  db: Database;
  clock: ReturnType<typeof shiftedClock>;
}

async function start(options: Partial<Parameters<typeof createEngine>[0]> = {}): Promise<Started> {
  const db = options.db ?? (await createDatabase());
  const clock = shiftedClock(0);
  const directories = [{ url: proxy.directory, stagingUrl: null }];
  const engine = await createEngine({
    db,
    pebble,
    responder,
    wanted: WANTED,
    directories,
    clock,
    ...options,
  });
  engine.start();
  return { engine, db, clock };
}

const told = (engine: Engine, text: string): Promise<void> =>
  eventually(() => expect(engine.events.join('\n')).toContain(text));

/** Only the first of them. */
function once(step: AcmeStep, fault: Fault): void {
  let isDone = false;
  proxy.fault = (asked) => {
    if (isDone || asked !== step) return null;
    isDone = true;
    return fault;
  };
}

const STEPS: AcmeStep[] = [
  'directory',
  'nonce',
  'account',
  'newOrder',
  'authz',
  'challenge',
  'finalize',
  'certificate',
];

it.each(STEPS)(
  'survives 500, a reset and nonsense at %s, and then has its certificate',
  async (step) => {
    const faults: Fault[] = [
      { kind: 'answer', status: 500, body: 'oops' },
      { kind: 'reset' },
      { kind: 'answer', status: 200, body: '<html>maintenance</html>' },
    ];
    // What is said to a challenge is not looked at: the order tells how it went.
    if (step === 'challenge') faults.pop();
    const count = faults.length;
    proxy.fault = (asked) => (asked === step ? (faults.shift() ?? null) : null);
    const { engine, clock } = await start();
    for (let failures = 1; failures <= count; failures += 1) {
      await eventually(() => expect(engine.events.length).toBeGreaterThanOrEqual(failures));
      // Longer than the wait, and shorter than what makes the clock look wrong.
      clock.shift(6 * 60_000);
    }
    await told(engine, `issued ${NAME}`);
    expect(engine.events.filter((line) => line.startsWith('error'))).toEqual([]);
    expect(engine.events.length).toBeGreaterThan(1);
  },
);

it.each([
  ['120', 120_000],
  ['a date', 3 * HOUR],
  ['10000000', 10_000_000_000],
])(
  'leaves alone who answers 429 with Retry-After: %s, also after a restart',
  async (text, waitMs) => {
    const header = text === 'a date' ? new Date(Date.now() + waitMs).toUTCString() : text;
    once('newOrder', { kind: 'answer', status: 429, headers: { 'retry-after': header } });
    const { engine, db } = await start();
    await told(engine, `failed ${NAME} rate-limited`);
    engine.stop();
    const [row] = await listSchedule<CertificateProblem>(db);
    const until = row?.waits[proxy.directory] ?? 0;
    expect(Math.abs(until - Date.now() - waitMs)).toBeLessThan(60_000);
    // A day and a half later, in a new process: only who was to be left alone for so long still is.
    proxy.steps.length = 0;
    const clock = shiftedClock(1.5 * DAY);
    const again = await createEngine({
      db,
      pebble,
      responder,
      wanted: WANTED,
      clock,
      masterKey: engine.masterKey,
      directories: [{ url: proxy.directory, stagingUrl: null }],
    });
    again.start();
    await eventually(async () => {
      const [later] = await listSchedule<CertificateProblem>(db);
      const isLeft = (later?.notBefore?.getTime() ?? 0) === until;
      expect(isLeft || again.events.length > 0).toBe(true);
    });
    if (waitMs > 2 * DAY) expect(proxy.steps).toEqual([]);
    else expect(proxy.steps).toContain('directory');
  },
);

it.each(['0', 'soon', '-1', ''])('is in no hurry when Retry-After says %j', async (header) => {
  proxy.fault = (step) =>
    step === 'newOrder'
      ? { kind: 'answer', status: 429, headers: { 'retry-after': header } }
      : null;
  const { engine, db } = await start();
  await told(engine, `failed ${NAME} rate-limited`);
  const [row] = await listSchedule<CertificateProblem>(db);
  expect(row?.notBefore?.getTime()).toBeGreaterThan(Date.now() + 50_000);
  expect(proxy.orders).toHaveLength(1);
});

it('keeps what is served when a certificate comes that was not ordered', async () => {
  const stranger = pebble.roots;
  once('certificate', { kind: 'rewrite', body: () => stranger });
  const { engine, clock } = await start();
  await told(engine, `failed ${NAME} wrong-certificate`);
  expect(responder.index.certificates).toEqual([]);
  clock.shift(10 * 60_000);
  await told(engine, `issued ${NAME}`);
});

it('makes no second order when the answer to finalize was lost', async () => {
  once('finalize', { kind: 'lost-answer' });
  const { engine, clock } = await start();
  await told(engine, `failed ${NAME} unreachable`);
  clock.shift(10 * 60_000);
  await told(engine, `issued ${NAME}`);
  expect(proxy.orders).toHaveLength(1);
});

it('goes on to the next authority after three failures, and back when all is well', async () => {
  proxy.fault = () => ({ kind: 'answer', status: 503 });
  const directories = [proxy.directory, pebble.directory].map((url) => ({ url, stagingUrl: null }));
  const { engine, clock } = await start({ directories });
  for (const failures of [1, 2, 3]) {
    await eventually(() => expect(engine.events).toHaveLength(failures));
    clock.shift(HOUR / 4);
  }
  await told(engine, `issued ${NAME}`);
});

it('rehearses at the staging directory once an order was refused', async () => {
  const staging = await startCaFaultProxy(pebble);
  once('newOrder', {
    kind: 'answer',
    status: 403,
    body: JSON.stringify({ type: 'urn:ietf:params:acme:error:rejectedIdentifier', detail: 'no' }),
  });
  const directories = [{ url: proxy.directory, stagingUrl: staging.directory }];
  const { engine, clock } = await start({ directories });
  await told(engine, `failed ${NAME} refused: rejectedIdentifier: no`);
  expect(staging.orders).toEqual([]);
  clock.shift(10 * 60_000);
  await told(engine, `issued ${NAME}`);
  expect(staging.orders).toHaveLength(1);
  staging.close();
});

it('asks for renewal when the authority wants it, and says what is replaced', async () => {
  const inDays = (days: number): string => new Date(Date.now() + days * DAY).toISOString();
  let window = { start: inDays(1_000), end: inDays(1_001) };
  proxy.renewalInfo = () => ({ suggestedWindow: window });
  const { engine, clock, db } = await start();
  await told(engine, `issued ${NAME}`);
  await eventually(async () => {
    const [row] = await listSchedule<CertificateProblem>(db);
    expect(row?.renewAt?.getTime()).toBeGreaterThan(Date.now());
  });
  window = { start: inDays(-2), end: inDays(-1) };
  await db.query(
    "UPDATE certificate_schedule SET not_before = NULL, renew_check_at = now() - interval '1 hour'",
  );
  clock.shift(60_000);
  await eventually(() => expect(engine.events).toEqual([`issued ${NAME}`, `issued ${NAME}`]));
  expect(proxy.orders[1]?.['replaces']).toMatch(/^[\w-]+\.[\w-]+$/);
});

it('outlives a week without an authority: one alarm, and all renewed afterwards', async () => {
  const short = await startPebble({ validitySeconds: (20 * DAY) / 1_000, ...portsOf(pebble) });
  const front = await startCaFaultProxy(short);
  const { engine, clock } = await start({
    pebble: short,
    directories: [{ url: front.directory, stagingUrl: null }],
  });
  await told(engine, `issued ${NAME}`);
  front.fault = () => ({ kind: 'reset' });
  clock.shift(13 * DAY);
  for (let hours = 0; hours < 6 * 24; hours += 12) {
    const before = engine.events.length;
    clock.shift(12 * HOUR);
    await eventually(() => expect(engine.events.length).toBeGreaterThan(before));
  }
  expect(engine.events.filter((line) => line.startsWith('alarm'))).toHaveLength(1);
  expect(engine.keeper.isAlarmed).toBe(true);
  expect(await engine.keeper.status()).toMatchObject([{ state: 'at-risk' }]);
  expect(responder.index.certificates).toHaveLength(1);
  // Its answers tell our time, as they would.
  front.fault = () => ({
    kind: 'rewrite',
    body: (body) => body,
    headers: { date: new Date(clock.now()).toUTCString() },
  });
  clock.shift(7 * HOUR);
  await told(engine, 'recovered');
  front.close();
  await short.close();
});

it('renews nothing by a clock that is a year off, and says so', async () => {
  const { engine, clock } = await start();
  await told(engine, `issued ${NAME}`);
  clock.shift(10 * 365 * DAY);
  await told(engine, `failed ${NAME} clock-wrong`);
  expect(engine.keeper.isAlarmed).toBe(true);
  expect(responder.index.certificates).toHaveLength(1);
  clock.shift(-10 * 365 * DAY);
  await told(engine, 'recovered');
  expect(proxy.orders).toHaveLength(1);
  clock.shift(-365 * DAY);
  await eventually(() => expect(engine.keeper.isAlarmed).toBe(true));
  expect(proxy.orders).toHaveLength(1);
});

function portsOf({ httpPort, tlsPort }: Pebble): { httpPort: number; tlsPort: number } {
  return { httpPort, tlsPort };
}
