/**
 * The database fails in each way that one can while the platform runs. What is served goes on, what needs the database is
 * refused in bounded time with a reason, no push is half-applied, and all is well when the database is, with nobody's help.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDatabase, type Database, type Queryable } from '../../src/store/database.ts';
import { ask, type Answer } from '../support/ask.ts';
import { callControl } from '../support/control-api.ts';
import { databaseUrl } from '../support/database-url.ts';
import { eventually } from '../support/eventually.ts';
import type { Platform } from '../support/platform.ts';
import { descendantsOf, platformProcesses } from '../support/processes.ts';
import { createRepository, type TestRepository } from '../support/repository.ts';
import { usePlatform } from '../support/use-platform.ts';

const RECOVERY_DEADLINE_MS = 60_000;
/** Waiting for a connection and for an answer, and what the machine takes. */
const ANSWER_DEADLINE_MS = 28_000;
const CONNECTIONS = 40;

const platform = usePlatform();

interface Fault {
  name: string;
  begin: (app: string) => Promise<() => Promise<void>>;
  /** What /readyz calls it; null where only one table is out of reach. */
  degraded: string | null;
}

const FAULTS: Fault[] = [
  { name: 'hangs', begin: hang, degraded: 'database' },
  { name: 'takes no changes', begin: refuseChanges, degraded: 'database' },
  { name: 'has no connection left', begin: takeConnections, degraded: 'database' },
  { name: 'has a table locked that a push needs', begin: lockTable, degraded: null },
];

/** Of the test's own, opened before anything is wrong. */
let admin: Database;
beforeAll(() => {
  admin = connect();
});
afterAll(() => admin.close());

function connect(): Database {
  return openDatabase(databaseUrl(platform(), 'postgres'), () => {});
}

async function hang(): Promise<() => Promise<void>> {
  const stopped = databaseProcesses(platform());
  expect(stopped.length).toBeGreaterThan(1);
  for (const pid of stopped) process.kill(pid, 'SIGSTOP');
  return async () => {
    for (const pid of stopped) process.kill(pid, 'SIGCONT');
  };
}

/** The server and a process for each of its connections. */
function databaseProcesses({ pid }: Platform): number[] {
  return descendantsOf(pid)
    .filter(({ commandLine }) => /postgres/.test(commandLine))
    .map((one) => one.pid);
}

async function refuseChanges(): Promise<() => Promise<void>> {
  const change = async (value: 'on' | 'off'): Promise<void> => {
    await admin.query('SET default_transaction_read_only = off');
    await admin.query(`ALTER SYSTEM SET default_transaction_read_only = ${value}`);
    await admin.query('SELECT pg_reload_conf()');
  };
  await change('on');
  return () => change('off');
}

/** All that the server has, the platform's own too. */
async function takeConnections(): Promise<() => Promise<void>> {
  const taken: Database[] = [];
  const held: Promise<unknown>[] = [];
  const freed = Promise.withResolvers<void>();
  for (let count = 0; count < CONNECTIONS; count++) {
    const one = connect();
    taken.push(one);
    held.push(
      one
        .transaction(async (tx: Queryable) => {
          await tx.query('SELECT 1');
          await freed.promise;
        })
        .catch(() => {}), // It came too late: all are taken.
    );
  }
  await admin.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE application_name = 'gitfn control' AND state = 'idle' AND pid <> pg_backend_pid()`,
  );
  await eventually(async () => {
    const late = connect();
    taken.push(late);
    await expect(late.query('SELECT 1')).rejects.toMatchObject({ code: 'database-down' });
  });
  return async () => {
    freed.resolve();
    await Promise.all(held);
    await Promise.all(taken.map((one) => one.close()));
  };
}

async function lockTable(): Promise<() => Promise<void>> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const locked = Promise.withResolvers<void>();
  const whole = admin.transaction(async (tx) => {
    await tx.query('LOCK TABLE deployments IN ACCESS EXCLUSIVE MODE');
    locked.resolve();
    await promise;
  });
  await Promise.race([locked.promise, whole]);
  return async () => {
    resolve();
    await whole;
  };
}

const greeting = (text: string): Record<string, string> => ({
  'index.js': `export const handler = async () => '${text}';\n`,
});

async function readiness(): Promise<{ serving: boolean; degraded: string[] }> {
  const { body } = await ask(platform(), '', { path: '/readyz' });
  return JSON.parse(body) as { serving: boolean; degraded: string[] };
}

function becomesReady(): Promise<unknown> {
  return eventually(
    async () => expect(await readiness()).toMatchObject({ serving: true, degraded: [] }),
    RECOVERY_DEADLINE_MS,
  );
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const begun = performance.now();
  const result = await work;
  expect(performance.now() - begun).toBeLessThan(ANSWER_DEADLINE_MS);
  return result;
}

function changeOf(app: string): Promise<Answer> {
  const body = { set: [{ name: 'MOOD', value: 'calm' }] };
  return callControl(platform(), `/apps/${app}/environment`, { method: 'PATCH', body });
}

function expectProblem(answer: Answer): void {
  expect(answer.status, answer.body).toBe(503);
  expect(answer.headers['content-type']).toContain('application/problem+json');
  expect(JSON.parse(answer.body)).toMatchObject({ code: 'database-down' });
}

async function deployed(app: string): Promise<TestRepository> {
  const repository = await createRepository(platform(), app);
  await repository.commit(greeting('before'));
  const { code, output } = await repository.push('main');
  expect(code, output).toBe(0);
  return repository;
}

const controlPid = (): number | undefined =>
  platformProcesses(platform().pid).find(({ commandLine }) => /control\.mjs/.test(commandLine))
    ?.pid;

describe.each(FAULTS)('a database that $name', ({ name, begin, degraded }) => {
  const app = `pg-${name.split(' ').at(-1)}`;

  it('leaves functions serving, refuses the rest in time, and is well again by itself', async () => {
    const repository = await deployed(app);
    const before = await repository.git('ls-remote', 'fn', 'refs/heads/main');
    const control = controlPid();
    const heal = await begin(app);
    try {
      if (degraded !== null) {
        await eventually(async () => expect((await readiness()).degraded).toEqual([degraded]));
        expectProblem(await inTime(changeOf(app)));
      }
      await repository.commit(greeting('after'));
      const { code, output } = await inTime(repository.push('main'));
      expect(code, output).not.toBe(0);
      expect(output).toContain('try again');
      expect(output).toMatch(/the database (is not answering|takes no changes)/);
      expect((await ask(platform(), app)).body).toBe('before');
    } finally {
      await heal();
    }
    await becomesReady();
    expect(await repository.git('ls-remote', 'fn', 'refs/heads/main')).toEqual(before);
    const { code, output } = await repository.push('main');
    expect(code, output).toBe(0);
    expect((await ask(platform(), app)).body).toBe('after');
    expect(controlPid()).toBe(control);
  }, 200_000);
});
