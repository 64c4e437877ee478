/** One order for one certificate, however many processes there are, whenever they end, and whatever they cannot write. */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import type { CertificateIndex } from '../../src/protocol/certificates.ts';
import { type Database, openDatabase } from '../../src/store/database.ts';
import { type AcmeStep } from '../support/ca-fault-proxy.ts';
import { createEngine, type EngineOptions, shiftedClock } from '../support/certificate-engine.ts';
import { createDatabase, urlOfDatabase } from '../support/database.ts';
import type { EngineProgramSettings } from '../support/engine-program.ts';
import { eventually } from '../support/eventually.ts';
import { type FaultyPebble, startFaultyPebble } from '../support/faulty-pebble.ts';

const DAY_MS = 24 * 60 * 60_000;
const NAME = 'one.example.com';
const PROGRAM = new URL('../support/engine-program.ts', import.meta.url).pathname;

let authority: FaultyPebble;
let pebble: FaultyPebble['pebble'];
let responder: FaultyPebble['responder'];
let proxy: FaultyPebble['proxy'];

beforeAll(async () => {
  authority = await startFaultyPebble({ validitySeconds: (30 * DAY_MS) / 1_000 });
  ({ pebble, responder, proxy } = authority);
});

afterAll(() => authority.close());

beforeEach(() => {
  proxy.fault = () => null;
  proxy.steps.length = 0;
  proxy.orders.length = 0;
  responder.index = { generation: 0, certificates: [], challenges: [] };
});

const of = (name: string) => ({ names: [name], appId: null });

function engineOn(db: Database, options: Partial<EngineOptions> = {}) {
  const directories = [{ url: proxy.directory, stagingUrl: null }];
  return createEngine({ db, pebble, responder, wanted: [of(NAME)], directories, ...options });
}

it('two processes that begin at one instant make one order for each name', async () => {
  const db = await createDatabase();
  const other = openDatabase(await urlOfDatabase(db), () => {});
  onTestFinished(() => other.close());
  const wanted = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => of(`${name}.example.com`));
  const masterKey = randomBytes(32);
  const clocks = [shiftedClock(0), shiftedClock(0)] as const;
  const engines = await Promise.all([
    engineOn(db, { wanted, masterKey, clock: clocks[0] }),
    engineOn(other, { wanted, masterKey, clock: clocks[1] }),
  ]);
  for (const engine of engines) engine.start();
  const told = (): string[] => engines.flatMap(({ events }) => events);
  await eventually(() => expect(told()).toHaveLength(wanted.length));
  // Whoever left one to the other looks at it again after that.
  for (const clock of clocks) clock.shift(60_000);
  for (const { keeper } of engines) {
    const states = (await keeper.status()).map(({ state }) => state);
    expect(states).toEqual(wanted.map(() => 'valid'));
  }
  expect(told().toSorted()).toEqual(wanted.map(({ names: [name] }) => `issued ${name}`));
  expect(proxy.orders).toHaveLength(wanted.length);
});

function startChild(settings: EngineProgramSettings): ChildProcess {
  const child = fork(PROGRAM, [JSON.stringify(settings)], { execArgv: [] });
  child.on('message', (index) => {
    responder.index = index as CertificateIndex;
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

const PLACES: AcmeStep[] = ['authz', 'challenge', 'finalize', 'certificate'];

it.each(PLACES)(
  'a process that is killed when the authority has done its part of %s leaves an order that the next goes on with',
  async (place) => {
    const db = await createDatabase();
    const masterKey = randomBytes(32);
    const child = startChild({
      databaseUrl: await urlOfDatabase(db),
      masterKey: masterKey.toString('hex'),
      directory: proxy.directory,
      roots: pebble.roots,
      name: NAME,
    });
    const exited = once(child, 'exit');
    proxy.fault = (step) => {
      if (step !== place) return null;
      child.kill('SIGKILL');
      return { kind: 'lost-answer' };
    };
    expect(await exited).toEqual([null, 'SIGKILL']);
    proxy.fault = () => null;
    const engine = await engineOn(db, { masterKey });
    engine.start();
    await eventually(() => expect(engine.events).toEqual([`issued ${NAME}`]));
    expect(proxy.orders).toHaveLength(1);
    expect(responder.index.certificates).toHaveLength(1);
    expect(responder.index.challenges).toEqual([]);
  },
);

it('a certificate that the database has no room for is downloaded again, and not ordered again', async () => {
  const db = await createDatabase();
  // As it tells of a full disk.
  await db.query(`CREATE FUNCTION refuse() RETURNS trigger AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$ LANGUAGE plpgsql`);
  await db.query(
    'CREATE TRIGGER full_disk BEFORE INSERT ON certificates FOR EACH ROW EXECUTE FUNCTION refuse()',
  );
  const clock = shiftedClock(0);
  const engine = await engineOn(db, { clock });
  engine.start();
  await eventually(() => expect(engine.events).toHaveLength(1));
  expect(engine.events[0]).toContain(`failed ${NAME} platform: `);
  await db.query('DROP TRIGGER full_disk ON certificates');
  clock.shift(2 * 60_000);
  await eventually(() => expect(engine.events.slice(1)).toEqual([`issued ${NAME}`]));
  expect(proxy.orders).toHaveLength(1);
});

async function startOnFullDisk() {
  const db = await createDatabase();
  const clock = shiftedClock(0);
  const disk: { isFull(index: CertificateIndex): boolean } = { isFull: () => false };
  const engine = await engineOn(db, {
    clock,
    writeIndex: async (index) => {
      if (disk.isFull(index)) throw new Error('ENOSPC: no space left on device, write');
    },
  });
  // Its answers tell our time, as they would.
  proxy.fault = () => ({
    kind: 'rewrite',
    body: (body) => body,
    headers: { date: new Date(clock.now()).toUTCString() },
  });
  engine.start();
  await eventually(() => expect(engine.events).toEqual([`issued ${NAME}`]));
  return { engine, clock, disk, before: responder.index.certificates };
}

it('what is served stays while the disk is full, and is renewed when there is room', async () => {
  const { engine, clock, disk, before } = await startOnFullDisk();
  disk.isFull = () => true;
  clock.shift(21 * DAY_MS);
  await eventually(() => {
    expect(engine.events.join('\n')).toContain(`failed ${NAME} platform: ENOSPC`);
  });
  expect(responder.index.certificates).toEqual(before);
  disk.isFull = () => false;
  clock.shift(2 * 60_000);
  await eventually(() => expect(engine.events.at(-1)).toBe('recovered'));
  expect(responder.index.certificates).not.toEqual(before);
  expect(responder.index.challenges).toEqual([]);
  expect(proxy.orders).toHaveLength(2);
});

it('a certificate that came while the disk was full is served when there is room, without another order', async () => {
  const { engine, clock, disk, before } = await startOnFullDisk();
  // The challenge has still found room.
  disk.isFull = ({ challenges }) => challenges.length === 0;
  clock.shift(21 * DAY_MS);
  await eventually(() => expect(engine.events.join('\n')).toContain('error Error: ENOSPC'));
  await eventually(async () => {
    const { rows } = await engine.db.query('SELECT id FROM certificates');
    expect(rows).toHaveLength(2);
  });
  expect(responder.index.certificates).toEqual(before);
  disk.isFull = () => false;
  clock.shift(10_000);
  await eventually(() => expect(responder.index.certificates).not.toEqual(before));
  expect(responder.index.certificates).toHaveLength(1);
  expect(proxy.orders).toHaveLength(2);
});
