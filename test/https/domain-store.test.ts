import { describe, expect, it } from 'vitest';
import type { DomainReport } from '../../src/model/domain.ts';
import { ensureApp } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import {
  findDomain,
  listDomains,
  listDueDomains,
  listOtherClaims,
  listVerifiedDomains,
  recordCheck,
  removeDomain,
  saveDomain,
  type Domain,
  type DomainSettings,
} from '../../src/store/domains.ts';
import { claimSlug } from '../../src/store/refs.ts';
import { readSnapshot } from '../../src/store/routes.ts';
import { createDatabase } from '../support/database.ts';

const NOW = new Date('2026-01-31T12:00:00Z');
const LATER = new Date('2026-02-28T12:00:00Z');
const PROVED: DomainReport = { proof: 'txt', pointing: 'here', findings: [], own: [] };
const UNPROVED: DomainReport = { proof: null, pointing: 'nowhere', findings: [], own: [] };

async function openDomains(): Promise<Database> {
  const db = await createDatabase();
  for (const name of ['one', 'two']) await ensureApp(db, { id: `app-${name}`, name });
  return db;
}

function add(
  db: Database,
  appId: string,
  name: string,
  settings: Partial<DomainSettings> = {},
): Promise<Domain | null> {
  const all = { name, targetRef: null, redirectTo: null, createdBy: null, ...settings };
  return saveDomain(db, appId, { settings: all, limit: 3, now: NOW });
}

function check(
  db: Database,
  appId: string,
  name: string,
  report: DomainReport = PROVED,
): Promise<Domain | null> {
  const checked = { report, checkedAt: LATER, nextCheckAt: null, failedChecks: 0 };
  return recordCheck(db, { appId, name }, checked);
}

describe('a domain', () => {
  it('waits for its proof, is verified by it, and stays so when a later look finds none', async () => {
    const db = await openDomains();
    expect(await add(db, 'app-one', 'a.com')).toMatchObject({ state: 'pending', verifiedAt: null });
    expect(await check(db, 'app-one', 'a.com', UNPROVED)).toMatchObject({ state: 'pending' });
    const verified = await check(db, 'app-one', 'a.com');
    expect(verified).toMatchObject({ state: 'verified', proof: 'txt', verifiedAt: LATER });
    const warned = await check(db, 'app-one', 'a.com', UNPROVED);
    expect(warned).toMatchObject({ state: 'verified', proof: 'txt', report: UNPROVED });
    expect(await listVerifiedDomains(db)).toMatchObject([{ appId: 'app-one', name: 'a.com' }]);
  });

  it('that two apps wait for is of the one that proves it first', async () => {
    const db = await openDomains();
    for (const appId of ['app-one', 'app-two']) await add(db, appId, 'a.com');
    expect(await listOtherClaims(db, 'app-two', 'a.com')).toEqual([]);
    const checks = await Promise.all([
      check(db, 'app-one', 'a.com'),
      check(db, 'app-two', 'a.com'),
    ]);
    expect(checks.filter((domain) => domain !== null)).toHaveLength(1);
    expect(await listVerifiedDomains(db)).toHaveLength(1);
  });

  it('that was verified is known to others after its removal, also while it is added again', async () => {
    const db = await openDomains();
    await add(db, 'app-one', 'a.com');
    await check(db, 'app-one', 'a.com');
    await removeDomain(db, { appId: 'app-one', name: 'a.com' }, NOW);
    const claim = { name: 'a.com', state: 'removed', removedAt: NOW.getTime() };
    expect(await findDomain(db, 'app-one', 'a.com')).toBeNull();
    expect(await listOtherClaims(db, 'app-two', 'a.com')).toEqual([claim]);
    expect(await add(db, 'app-one', 'a.com')).toMatchObject({ state: 'pending' });
    expect(await listOtherClaims(db, 'app-two', 'a.com')).toEqual([claim]);
    await removeDomain(db, { appId: 'app-one', name: 'a.com' }, LATER);
    expect(await listOtherClaims(db, 'app-two', 'a.com')).toMatchObject([
      { removedAt: LATER.getTime() },
    ]);
    await add(db, 'app-one', 'a.com');
    await check(db, 'app-one', 'a.com');
    expect(await listOtherClaims(db, 'app-two', 'a.com')).toMatchObject([{ state: 'verified' }]);
    expect(await listOtherClaims(db, 'app-one', 'a.com')).toEqual([]);
  });

  it('that was never verified leaves nothing behind', async () => {
    const db = await openDomains();
    await add(db, 'app-one', 'a.com');
    expect(await removeDomain(db, { appId: 'app-one', name: 'a.com' }, NOW)).not.toBeNull();
    expect(await removeDomain(db, { appId: 'app-one', name: 'a.com' }, NOW)).toBeNull();
    expect(await listOtherClaims(db, 'app-two', 'a.com')).toEqual([]);
    const { rows } = await db.query('SELECT FROM domains');
    expect(rows).toHaveLength(0);
  });

  it('is one too many beyond the limit, however many are added at once', async () => {
    const db = await openDomains();
    const names = ['a.com', 'b.com', 'c.com', 'd.com', 'e.com'];
    const added = await Promise.all(names.map((name) => add(db, 'app-one', name)));
    expect(added.filter((domain) => domain !== null)).toHaveLength(3);
    const [first] = await listDomains(db, 'app-one');
    // One that is there can be changed.
    expect(await add(db, 'app-one', first?.name ?? '')).not.toBeNull();
    expect(await add(db, 'app-two', 'a.com')).not.toBeNull();
  });

  it('is due for a look when its time has come', async () => {
    const db = await openDomains();
    for (const name of ['a.com', 'b.com']) await add(db, 'app-one', name);
    await check(db, 'app-one', 'a.com');
    const due = await listDueDomains(db, LATER, 10);
    expect(due).toMatchObject([{ name: 'b.com', appName: 'one', nextCheckAt: NOW }]);
    expect(await listDueDomains(db, new Date(NOW.getTime() - 1), 10)).toEqual([]);
  });
});

describe('the route snapshot', () => {
  const domainsOf = async (db: Database): Promise<unknown> =>
    Object.fromEntries((await readSnapshot(db)).apps.map(({ name, domains }) => [name, domains]));

  it('has verified domains, and redirects to verified ones only', async () => {
    const db = await openDomains();
    await add(db, 'app-one', 'a.com');
    await add(db, 'app-one', 'www.a.com', { redirectTo: 'a.com' });
    await add(db, 'app-two', 'b.com');
    expect(await domainsOf(db)).toEqual({ one: undefined, two: undefined });
    await check(db, 'app-one', 'www.a.com');
    const www = { name: 'www.a.com', target: null, redirectTo: null };
    expect(await domainsOf(db)).toEqual({ one: [www], two: undefined });
    await check(db, 'app-one', 'a.com');
    const apex = { name: 'a.com', target: null, redirectTo: null };
    const both = [apex, { ...www, redirectTo: 'a.com' }];
    expect(await domainsOf(db)).toEqual({ one: both, two: undefined });
    const removed = await removeDomain(db, { appId: 'app-one', name: 'a.com' }, NOW);
    expect(removed?.redirects).toEqual(['www.a.com']);
    expect(await domainsOf(db)).toEqual({ one: [www], two: undefined });
  });

  it('leaves out a domain whose branch is gone', async () => {
    const db = await openDomains();
    const ref = 'refs/heads/production';
    await add(db, 'app-one', 'a.com', { targetRef: ref });
    await check(db, 'app-one', 'a.com');
    expect(await domainsOf(db)).toEqual({ one: undefined, two: undefined });
    await claimSlug(db, 'app-one', { ref, slug: 'production' });
    const domain = { name: 'a.com', target: 'production', redirectTo: null };
    expect(await domainsOf(db)).toEqual({ one: [domain], two: undefined });
  });
});
