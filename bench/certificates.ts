/**
 * How soon certificates are there: ten names that have none, from the moment when they are wanted until the index that data
 * serves has them all. The authority is Pebble beside us, so that what is measured is ours: keys, signatures, the database,
 * and that only a few orders are made at a time.
 */
import { join } from 'node:path';
import { writeFileAtomically } from '../src/std/atomic-file.ts';
import { openDatabase, type Database } from '../src/store/database.ts';
import { migrate } from '../src/store/migrate.ts';
import { startChallengeResponder } from '../test/support/challenge-responder.ts';
import { databaseUrl } from '../test/support/database-url.ts';
import { eventually } from '../test/support/eventually.ts';
import { type Engine, openEngine } from '../test/support/open-engine.ts';
import { startPebble } from '../test/support/pebble.ts';
import { type Platform, startPlatform } from '../test/support/platform.ts';
import type { BenchResult } from './support/result.ts';
import { median, spread } from './support/statistics.ts';
import { temporaryFolder } from './support/temporary-folder.ts';

const CERTIFICATES = 10;
const ROUNDS = 7;
const ROUND_DEADLINE_MS = 60_000;
const MIGRATIONS = new URL('../migrations', import.meta.url).pathname;

export async function benchCertificates(): Promise<BenchResult> {
  await using cleanup = new AsyncDisposableStack();
  const platform = cleanup.use(await startPlatform());
  const pebble = await startPebble();
  cleanup.defer(() => pebble.close());
  const responder = await startChallengeResponder(pebble);
  cleanup.defer(() => responder.close());
  const db = await createDatabase(cleanup, platform);
  const indexFile = join(await temporaryFolder(cleanup), 'index.json');
  const wanted: { names: string[]; appId: null }[] = [];
  const engine = await openEngine({
    db,
    pebble,
    responder,
    wanted,
    perWeek: CERTIFICATES * (ROUNDS + 1),
    writeIndex: (index) => writeFileAtomically(indexFile, JSON.stringify(index), 0o600),
  });
  cleanup.defer(() => engine.close());
  engine.start();
  const seconds: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const names = Array.from({ length: CERTIFICATES }, (_, at) => `n${round}-${at}.example.com`);
    wanted.push(...names.map((name) => ({ names: [name], appId: null })));
    seconds.push(await secondsUntilIssued(engine, wanted.length));
  }
  const [first = NaN, ...others] = seconds;
  return {
    name: 'certificates',
    about: `${CERTIFICATES} names that have no certificate, from Pebble; ${ROUNDS} rounds after the first, which also makes the account`,
    rows: [
      {
        name: `${CERTIFICATES} certificates`,
        columns: {
          'median s': median(others).toFixed(2),
          spread: spread(others),
          'first s': first.toFixed(2),
          failures: engine.events.length - wanted.length,
        },
        raw: { seconds: others },
      },
    ],
  };
}

async function secondsUntilIssued(engine: Engine, count: number): Promise<number> {
  const startedMs = performance.now();
  engine.keeper.lookAgain();
  await eventually(() => issued(engine) === count, ROUND_DEADLINE_MS);
  return (performance.now() - startedMs) / 1_000;
}

function issued({ events }: Engine): number {
  return events.filter((line) => line.startsWith('issued')).length;
}

/** On the server that the platform runs. */
async function createDatabase(
  cleanup: AsyncDisposableStack,
  platform: Platform,
): Promise<Database> {
  const admin = openDatabase(databaseUrl(platform, 'postgres'), () => {});
  cleanup.defer(() => admin.close());
  await admin.query('CREATE DATABASE certificates');
  const db = openDatabase(databaseUrl(platform, 'certificates'), () => {});
  cleanup.defer(() => db.close());
  await migrate(db, MIGRATIONS);
  return db;
}
