import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  createAuditHead,
  createAuditLog,
  createAuditReader,
  createAuditVerifier,
  openAuditKeys,
  type AuditEvent,
} from '../../src/audit/index.ts';
import { createKeyBox, createMasterKeys, createRotation } from '../../src/secrets/index.ts';
import { systemClock } from '../../src/std/clock.ts';
import type { AuditFilter } from '../../src/store/audit.ts';
import type { Database } from '../../src/store/database.ts';
import { createDatabase } from '../support/database.ts';

const EVENT: AuditEvent = {
  actor: { kind: 'personal', id: 'tok-1', name: 'ada' },
  action: 'createToken',
  app: { id: 'app-1', name: 'hello' },
  target: null,
  from: { address: '192.0.2.7', userAgent: 'fn/1' },
  requestId: 'req-1',
  before: null,
  after: { name: 'ci' },
};

/** What outlasts a process: the database, the file and the master key. */
async function install() {
  const folder = await mkdtemp(join(tmpdir(), 'gitfn-audit-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const db = await createDatabase();
  const headFile = join(folder, 'head');
  let masterKeys = [randomBytes(32)];
  const keysOf = () => createMasterKeys(masterKeys);
  return {
    db,
    headFile,
    /** As control does at its start; `broken` stands in for the database or the file. */
    start: async (broken: { db?: Database; head?: { write: () => Promise<void> } } = {}) => {
      const keys = await openAuditKeys({ db, keyBox: createKeyBox(keysOf()) });
      const head = { ...createAuditHead(headFile), ...broken.head };
      const forLog = { db: broken.db ?? db, keys, head, clock: systemClock, onError: () => {} };
      return {
        ...createAuditLog(forLog),
        list: async (filter: AuditFilter) =>
          (await createAuditReader(db).list(filter)).map(({ entry }) => entry),
        verify: (from = 1, budgetMs = 5_000) =>
          createAuditVerifier({ db, keys, head, clock: systemClock }, { budgetMs }).verify(from),
      };
    },
    rotate: async () => {
      const keys = keysOf();
      const rotation = createRotation({
        db,
        masterKeys: keys,
        sealedFiles: [],
        file: {
          add: async () => (masterKeys = [randomBytes(32), ...masterKeys]),
          retireOld: async () => (masterKeys = masterKeys.slice(0, 1)),
        },
      });
      await rotation.settle();
      await rotation.rotate();
    },
    /** As somebody who has the database alone, and may do there what he likes. */
    tamper: async (sql: string) => {
      await db.query('ALTER TABLE audit_entries DISABLE TRIGGER USER');
      await db.query(sql);
      await db.query('ALTER TABLE audit_entries ENABLE TRIGGER USER');
    },
  };
}

async function installWith(count: number) {
  const installation = await install();
  const log = await installation.start();
  const targets = Array.from({ length: count }, (_, at) => `thing ${at}`);
  await Promise.all(targets.map((target) => log.note({ ...EVENT, target })));
  await expect.poll(async () => (await log.list({ limit: count + 1 })).length).toBe(count);
  return { ...installation, log };
}

describe('the audit log', () => {
  it('tells who did what, and how it ended, newest first', async () => {
    const log = await (await install()).start();
    const operation = await log.begin(EVENT);
    await operation.succeeded({ target: 'tok-2', after: { id: 'tok-2' } });
    await (await log.begin({ ...EVENT, requestId: 'req-2' })).failed('forbidden');
    const entries = await log.list({ limit: 3 });
    expect(entries).toMatchObject([
      { sequence: 4, outcome: 'failed', reason: 'forbidden', requestId: 'req-2' },
      { sequence: 3, outcome: 'requested', reason: null },
      { sequence: 2, outcome: 'succeeded', target: 'tok-2', after: { name: 'ci', id: 'tok-2' } },
    ]);
    expect(await log.list({ limit: 3, before: 2 })).toMatchObject([
      { ...EVENT, sequence: 1, outcome: 'requested' },
    ]);
    expect(await log.list({ limit: 3, action: 'other' })).toEqual([]);
    expect(await log.list({ limit: 9, appId: 'app-1', actor: 'tok-1' })).toHaveLength(4);
  });

  it('is one chain, however many write at once, over two processes too', async () => {
    const installation = await install();
    const logs = [await installation.start(), await installation.start()];
    await logs[0]?.note(EVENT);
    const writes = Array.from({ length: 400 }, async (_, at) => {
      const operation = await logs[at % 2]?.begin({ ...EVENT, requestId: `req-${at}` });
      await operation?.succeeded();
    });
    await Promise.all(writes);
    expect(await logs[0]?.verify()).toEqual({
      entries: 801,
      verifiedTo: 801,
      next: null,
      problem: null,
    });
  });

  it('goes on where verification ran out of time', async () => {
    const { log } = await installWith(1_200);
    const first = await log.verify(1, 0);
    expect(first).toMatchObject({ entries: 500, verifiedTo: 500, next: 501, problem: null });
    expect(await log.verify(501)).toMatchObject({ entries: 700, next: null, problem: null });
  });

  it('keeps what is hostile or endless in it within bounds', async () => {
    const { log } = await installWith(0);
    const long = 'x'.repeat(1_000_000);
    await log.note({
      ...EVENT,
      action: 'a\0b\ud800',
      target: long,
      from: { address: null, userAgent: long },
      after: {
        long,
        many: Array.from({ length: 5_000 }, () => long.slice(0, 400)),
        '\0': 1,
        none: undefined as never,
      },
    });
    const entries = await log.list({ limit: 1 });
    expect(entries[0]?.action).toBe('a\uFFFDb\uFFFD');
    expect(JSON.stringify(entries[0]).length).toBeLessThan(20_000);
    expect(await log.verify()).toMatchObject({ problem: null });
  });

  it('is proved after the master key was replaced, and needs the one of now', async () => {
    const installation = await installWith(3);
    await installation.rotate();
    const log = await installation.start();
    await log.note(EVENT);
    expect(await log.verify()).toMatchObject({ entries: 4, problem: null });
  });
});

describe('verification finds', () => {
  const COPY = `INSERT INTO audit_entries (sequence, key_id, content, mac)`;

  const CASES: [string, string, number, string][] = [
    ['a removed entry', 'DELETE FROM audit_entries WHERE sequence = 3', 3, 'removed'],
    ['a removed beginning', 'DELETE FROM audit_entries WHERE sequence <= 2', 1, 'removed'],
    [
      'a changed entry',
      `UPDATE audit_entries SET content = replace(content, 'ada', 'eve') WHERE sequence = 4`,
      4,
      'changed',
    ],
    ['another mac', `UPDATE audit_entries SET mac = sha256(mac) WHERE sequence = 4`, 4, 'changed'],
    [
      'two that changed places',
      `UPDATE audit_entries SET sequence = CASE sequence WHEN 2 THEN -5 ELSE -2 END * -1 + 100
         WHERE sequence IN (2, 5);
       UPDATE audit_entries SET sequence = sequence - 100 WHERE sequence > 100`,
      2,
      'reordered',
    ],
    [
      'a removed one whose followers moved up',
      `DELETE FROM audit_entries WHERE sequence = 3;
       UPDATE audit_entries SET sequence = sequence + 100 WHERE sequence > 3;
       UPDATE audit_entries SET sequence = sequence - 101 WHERE sequence > 100`,
      3,
      'reordered',
    ],
    [
      'an inserted one at the end',
      `${COPY} SELECT 7, key_id, replace(content, '"sequence":6', '"sequence":7'), mac
         FROM audit_entries WHERE sequence = 6`,
      7,
      'changed',
    ],
    [
      'one that was written a second time',
      `UPDATE audit_entries SET (content, mac) =
         (SELECT content, mac FROM audit_entries WHERE sequence = 2) WHERE sequence = 5`,
      5,
      'reordered',
    ],
    ['a cut off end', 'DELETE FROM audit_entries WHERE sequence > 4', 5, 'cut-off'],
    ['an empty table', 'DELETE FROM audit_entries', 1, 'cut-off'],
    [
      'what is no entry',
      `UPDATE audit_entries SET content = '[]' WHERE sequence = 6`,
      6,
      'changed',
    ],
  ];

  it('whatever was done to the table by somebody who has the database alone', async () => {
    const { db, tamper, start, headFile } = await installWith(6);
    await db.query('CREATE TABLE kept AS SELECT sequence, key_id, content, mac FROM audit_entries');
    const head = await readFile(headFile);
    for (const [name, sql, sequence, kind] of CASES) {
      await tamper(
        `TRUNCATE audit_entries; INSERT INTO audit_entries (sequence, key_id, content, mac) SELECT * FROM kept`,
      );
      await writeFile(headFile, head);
      const log = await start();
      expect(await log.verify(), name).toMatchObject({ entries: 6, problem: null });
      await tamper(sql);
      const found = { verifiedTo: sequence - 1, next: null, problem: { sequence, kind } };
      expect(await log.verify(), name).toMatchObject(found);
      // Nor does the platform cover it up by going on.
      await log.note(EVENT);
      const problem = { sequence, kind: kind === 'cut-off' ? 'removed' : kind };
      expect((await log.verify()).problem, name).toMatchObject(problem);
    }
  });

  it('that the file beside the database is gone, and the log says so for ever', async () => {
    const { log, headFile, start } = await installWith(2);
    await rm(headFile);
    expect((await log.verify()).problem).toMatchObject({ sequence: 2, kind: 'head-missing' });
    const restarted = await start();
    await restarted.note(EVENT);
    expect((await restarted.list({ limit: 2 }))[1]).toMatchObject({
      action: 'findAuditHeadMissing',
    });
    expect((await restarted.verify()).problem).toBeNull();
  });

  it('a log of which everything was replaced by one of another installation', async () => {
    const { db, log, tamper } = await installWith(2);
    const other = await installWith(2);
    await tamper('DELETE FROM audit_entries');
    const { rows } = await other.db.query<{ sequence: string; content: string; mac: Buffer }>(
      'SELECT sequence, content, mac FROM audit_entries',
    );
    for (const { sequence, content, mac } of rows) {
      await db.query(`${COPY} SELECT $1, id, $2, $3 FROM audit_keys`, [sequence, content, mac]);
    }
    expect((await log.verify()).problem).toMatchObject({ sequence: 1, kind: 'changed' });
  });
});

describe('what the platform may do to the table', () => {
  it('is to add to it', async () => {
    const { db } = await installWith(1);
    for (const sql of [
      'UPDATE audit_entries SET key_id = key_id',
      'DELETE FROM audit_entries',
      'TRUNCATE audit_entries',
    ]) {
      await expect(db.query(sql)).rejects.toThrow('only ever added to');
    }
  });
});

describe('when the log cannot be written', () => {
  it('lets nothing begin', async () => {
    const { db, start } = await install();
    const down = { ...db, transaction: () => Promise.reject(new Error('down')) };
    const log = await start({ db: down });
    await expect(log.begin(EVENT)).rejects.toMatchObject({ code: 'unavailable' });
    const full = await start({ head: { write: () => Promise.reject(new Error('ENOSPC')) } });
    await expect(full.run(EVENT, () => Promise.reject(new Error('ran')))).rejects.toMatchObject({
      code: 'unavailable',
    });
  });

  it('keeps how something ended until it can be, in its order', async () => {
    const { db, start } = await install();
    let isDown = false;
    const log = await start({
      db: {
        ...db,
        transaction: (work) => (isDown ? Promise.reject(new Error()) : db.transaction(work)),
      },
    });
    const operation = await log.begin(EVENT);
    isDown = true;
    await operation.succeeded();
    isDown = false;
    await expect
      .poll(async () => (await log.list({ limit: 5 })).map((entry) => entry?.outcome))
      .toEqual(['succeeded', 'requested']);
    expect(await log.verify()).toMatchObject({ entries: 2, problem: null });
  });

  it('goes on after an end between the database and the file', async () => {
    const { start } = await installWith(2);
    const dying = await start({ head: { write: () => new Promise(() => {}) } });
    void dying.begin(EVENT);
    const next = await start();
    await expect.poll(async () => (await next.list({ limit: 9 })).length).toBe(3);
    await next.note(EVENT);
    expect(await next.verify()).toMatchObject({ entries: 4, problem: null });
  });

  it('believes no file that is not its own', async () => {
    const { headFile, log } = await installWith(1);
    await writeFile(headFile, 'garbage');
    expect((await log.verify()).problem).toMatchObject({ kind: 'head-missing' });
  });
});
