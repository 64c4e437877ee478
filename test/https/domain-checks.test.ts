import { describe, expect, it } from 'vitest';
import {
  createDomainChecks,
  createDomains,
  type CertificatesPort,
  type DomainLookup,
} from '../../src/domains/index.ts';
import type { AuditEvent } from '../../src/audit/index.ts';
import type { DnsAnswer } from '../../src/std/dns-lookup.ts';
import { challengeHost, challengeValue } from '../../src/model/domain.ts';
import { PlatformError } from '../../src/protocol/errors.ts';
import { KeyedMutex } from '../../src/std/mutex.ts';
import { ensureApp, type App } from '../../src/store/apps.ts';
import type { Database } from '../../src/store/database.ts';
import { findDomain, type Domain } from '../../src/store/domains.ts';
import { createDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 3600_000;
const ADDRESS = {
  baseDomain: 'fn.test',
  controlHost: 'fn.test',
  scheme: 'https',
  port: 443,
} as const;

type CertificateState = Awaited<ReturnType<CertificatesPort['status']>>[number];

interface NameServer {
  nameServer: string;
}

type Answer = DnsAnswer<string>;

/** The stage over a real database, with a clock and a DNS that a test plays. */
class Harness {
  nowMs = Date.parse('2026-01-31T12:00:00Z');
  /** `TXT name`, `CNAME name` or `A name` → what is answered. */
  readonly records = new Map<string, Answer>();
  readonly asked: string[] = [];
  readonly events: string[] = [];
  readonly audited: string[] = [];
  /** Names whose certificates were to be tried again. */
  readonly retried: string[] = [];
  readonly errors: unknown[] = [];
  readonly db: Database;
  readonly checks;
  readonly domains;
  certificates: CertificateState[] = [];
  /** Of every zone; what they say is recorded as `ns1: TXT name`. */
  nameServers: string[] = [];
  /** Lookups wait for it. */
  held: Promise<void> = Promise.resolve();
  #timers: { atMs: number; callback: () => void }[] = [];

  constructor(db: Database) {
    this.db = db;
    const clock = {
      now: () => this.nowMs,
      monotonicMs: () => this.nowMs,
      after: (delayMs: number, callback: () => void) => {
        const timer = { atMs: this.nowMs + delayMs, callback };
        this.#timers.push(timer);
        return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
      },
    };
    const deps = {
      db,
      clock,
      address: ADDRESS,
      routes: { publish: async () => void this.events.push('publish') },
      certificates: {
        lookAgain: () => void this.events.push('lookAgain'),
        retry: async (name: string) => void this.retried.push(name),
        status: async () => this.certificates,
      },
      audit: {
        run: <T>({ action, target }: AuditEvent, work: () => Promise<T>) => {
          this.audited.push(`${action} ${target}`);
          return work();
        },
      },
      onError: (error: unknown) => void this.errors.push(error),
    };
    const dns: DomainLookup = {
      txt: (name) => this.#answer(`TXT ${name}`),
      cname: (name) => this.#answer(`CNAME ${name}`),
      addresses: (name) => this.#answer(`A ${name}`),
    };
    const nameServers = {
      find: async () => this.nameServers.map((nameServer) => ({ nameServer, addresses: [] })),
      txt: ({ nameServer }: NameServer, name: string) => this.#answer(`${nameServer}: TXT ${name}`),
      cname: ({ nameServer }: NameServer, name: string) =>
        this.#answer(`${nameServer}: CNAME ${name}`),
    };
    this.checks = createDomainChecks({ ...deps, dns, nameServers });
    this.domains = createDomains({ ...deps, checks: this.checks, locks: new KeyedMutex() });
    this.set('A one.fn.test', '192.0.2.1');
  }

  set(question: string, ...values: string[]): void {
    this.records.set(question, { kind: 'found', values });
  }

  /** Lets the time pass at once, and what waits for it begin. */
  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { callback } of due) callback();
  }

  /** Whether the round under way has ended: the next one waits for its time. */
  get isResting(): boolean {
    return this.#timers.length > 0;
  }

  async #answer(question: string): Promise<Answer> {
    this.asked.push(question);
    await this.held;
    return this.records.get(question) ?? { kind: 'unknown-name' };
  }
}

async function open(): Promise<{ harness: Harness; one: App; two: App }> {
  const db = await createDatabase();
  const one = await ensureApp(db, { id: 'app-one', name: 'one' });
  const two = await ensureApp(db, { id: 'app-two', name: 'two' });
  return { harness: new Harness(db), one, two };
}

const request = (name: string) => ({ name, branch: null, redirectTo: null });
const BY = { tokenId: 'tok-1' };

describe('a domain that nobody asks about', () => {
  it('is looked at ever more seldom, verified when its proof is there, and weekly from then on', async () => {
    const { harness, one } = await open();
    const { domains, db } = harness;
    const find = (): Promise<Domain | null> => findDomain(db, one.id, 'shop.com');
    const round = async (ms: number): Promise<void> => {
      const before = await find();
      harness.pass(ms);
      await eventually(async () => {
        expect(harness.isResting).toBe(true);
        expect((await find())?.checkedAt).not.toEqual(before?.checkedAt);
      });
    };
    await domains.add(one, request('shop.com'), BY);
    const stopping = new AbortController();
    harness.checks.start(stopping.signal);
    await eventually(() => harness.isResting);
    expect(harness.asked.filter((question) => question.startsWith('TXT'))).toHaveLength(1);
    const waits: number[] = [];
    for (let look = 0; look < 4; look++) {
      const { nextCheckAt } = (await find()) ?? {};
      const waitMs = (nextCheckAt?.getTime() ?? 0) - harness.nowMs;
      waits.push(waitMs / MINUTE_MS);
      await round(Math.max(waitMs, MINUTE_MS));
    }
    expect(waits).toEqual([1, 2, 4, 8]);
    expect(harness.events).toEqual([]);
    harness.set(`TXT ${challengeHost('shop.com')}`, challengeValue(one.id));
    harness.set('A shop.com', '192.0.2.1');
    await round(16 * MINUTE_MS);
    expect(await find()).toMatchObject({ state: 'verified', proof: 'txt', failedChecks: 0 });
    expect(harness.events).toEqual(['lookAgain', 'publish']);
    expect(harness.audited).toEqual(['proveDomain shop.com']);
    harness.records.delete(`TXT ${challengeHost('shop.com')}`);
    harness.set('A shop.com', '198.51.100.1');
    await round(7 * DAY_MS);
    expect(await find()).toMatchObject({ state: 'verified', report: { pointing: 'elsewhere' } });
    expect(await domains.warnings()).toEqual([
      { kind: 'domain', appId: one.id, message: 'the domain shop.com leads elsewhere' },
    ]);
    await round(DAY_MS);
    expect(harness.events).toHaveLength(2);
    stopping.abort();
    harness.asked.length = 0;
    harness.pass(30 * DAY_MS);
    expect(harness.asked).toEqual([]);
    expect(harness.errors).toEqual([]);
  });
});

describe('a look into DNS', () => {
  it('that somebody wants is refused when too many of the app wait already', async () => {
    const { harness, one, two } = await open();
    const { domains } = harness;
    for (const app of [one, two]) await domains.declare(app, ['shop.com']);
    const held = Promise.withResolvers<void>();
    harness.held = held.promise;
    const looks = Array.from({ length: 6 }, () =>
      domains.verify(one, 'shop.com').catch((error: unknown) => error),
    );
    const settled = await Promise.race(looks);
    expect(settled).toBeInstanceOf(PlatformError);
    expect(settled).toMatchObject({ code: 'busy' });
    // Those of another app have a turn all the same.
    const other = domains.verify(two, 'shop.com');
    await eventually(() => harness.asked.includes('A two.fn.test'));
    held.resolve();
    expect((await other).domain.state).toBe('pending');
    const rest = (await Promise.all(looks)).filter((result) => result instanceof PlatformError);
    expect(rest).toHaveLength(1);
  });

  it('verifies one app of two that both have a proof', async () => {
    const { harness, one, two } = await open();
    const values = [one, two].map(({ id }) => challengeValue(id));
    harness.set(`TXT ${challengeHost('shop.com')}`, ...values);
    for (const app of [one, two]) await harness.domains.declare(app, ['shop.com']);
    const looks = await Promise.all(
      [one, two].map((app) => harness.domains.verify(app, 'shop.com')),
    );
    const states = looks.map(({ domain }) => domain.state).sort();
    expect(states).toEqual(['pending', 'verified']);
    const loser = looks.find(({ domain }) => domain.state === 'pending');
    expect(loser).toMatchObject({
      records: [],
      problem: 'another app of this server has this name',
      domain: { failedChecks: 1, report: { proof: null } },
    });
    expect(harness.events).toEqual(['lookAgain', 'publish']);
  });

  it('asks the name servers of the zone when the resolver has not heard of the record yet', async () => {
    const { harness, one } = await open();
    harness.nameServers = ['ns1.shop.com', 'ns2.shop.com'];
    const txt = `TXT ${challengeHost('shop.com')}`;
    harness.set(`ns1.shop.com: ${txt}`, challengeValue(one.id));
    await harness.domains.declare(one, ['shop.com']);
    const waiting = await harness.domains.verify(one, 'shop.com');
    expect(waiting.domain.state).toBe('pending');
    const told = waiting.findings.map(
      ({ server, type, message }) => `${server} ${type} ${message}`,
    );
    expect(told).toContain('ns1.shop.com TXT has the text that proves it');
    expect(told).toContain('ns2.shop.com TXT does not exist (NXDOMAIN)');
    expect(harness.retried).toEqual([]);
    harness.set(`ns2.shop.com: ${txt}`, challengeValue(one.id));
    expect((await harness.domains.verify(one, 'shop.com')).domain).toMatchObject({
      state: 'verified',
      proof: 'txt',
    });
  });

  it('that ends after the domain was removed does not bring it back', async () => {
    const { harness, one } = await open();
    harness.set('CNAME www.shop.com', 'one.fn.test');
    await harness.domains.declare(one, ['www.shop.com']);
    const held = Promise.withResolvers<void>();
    harness.held = held.promise;
    const look = harness.domains.verify(one, 'www.shop.com').catch((error: unknown) => error);
    await eventually(() => harness.asked.includes('CNAME www.shop.com'));
    await harness.domains.remove(one, 'www.shop.com');
    held.resolve();
    expect(await look).toMatchObject({ code: 'not-found' });
    expect(await harness.domains.list(one)).toEqual([]);
  });

  it('proves nothing when another app had the name meanwhile', async () => {
    const { harness, one, two } = await open();
    harness.set('CNAME www.shop.com', 'one.fn.test');
    await harness.domains.declare(one, ['www.shop.com']);
    const held = Promise.withResolvers<void>();
    const before = harness.held;
    harness.held = held.promise;
    const look = harness.domains.verify(one, 'www.shop.com');
    await eventually(() => harness.asked.includes('CNAME www.shop.com'));
    harness.held = before;
    harness.set(`TXT ${challengeHost('www.shop.com')}`, challengeValue(two.id));
    const theirs = await harness.domains.add(two, request('www.shop.com'), BY);
    expect(theirs.domain.state).toBe('verified');
    await harness.domains.remove(two, 'www.shop.com');
    held.resolve();
    const { domain, problem } = await look;
    expect(domain.state).toBe('pending');
    expect(problem).toContain('another app of this server had this name until lately');
  });
});

describe('a redirect', () => {
  it('of a name that shall serve a branch as well is refused', async () => {
    const { harness, one } = await open();
    const both = { name: 'www.shop.com', branch: 'topic', redirectTo: 'shop.com' };
    await expect(harness.domains.add(one, both, BY)).rejects.toMatchObject({
      code: 'bad-request',
      message: 'www.shop.com cannot both serve topic and send its visitors to shop.com',
    });
    expect(await harness.domains.list(one)).toEqual([]);
  });

  it('waits until its target is verified, and says so', async () => {
    const { harness, one } = await open();
    const { domains } = harness;
    harness.set('CNAME www.shop.com', 'one.fn.test');
    await domains.add(one, request('shop.com'), BY);
    const redirect = { ...request('www.shop.com'), redirectTo: 'shop.com' };
    const waiting = await domains.add(one, redirect, BY);
    expect(waiting.domain.state).toBe('verified');
    expect(waiting.problem).toBe(
      'shop.com is not verified yet: until then this serves the app itself',
    );
    harness.set(`TXT ${challengeHost('shop.com')}`, challengeValue(one.id));
    await domains.verify(one, 'shop.com');
    expect((await domains.find(one, 'www.shop.com')).problem).toBeNull();
    const target: CertificateState = {
      names: ['shop.com'],
      appId: one.id,
      state: 'pending',
      notAfter: null,
      problem: null,
    };
    harness.certificates = [target];
    expect((await domains.find(one, 'www.shop.com')).problem).toBe(
      'shop.com has no certificate yet: until then this serves the app itself',
    );
    harness.certificates = [{ ...target, state: 'valid', notAfter: 1 }];
    expect((await domains.find(one, 'www.shop.com')).problem).toBeNull();
  });
});

describe('the certificate of a domain', () => {
  const DAY = Date.parse('2026-03-01T00:00:00Z');
  const failing: CertificateState = {
    names: ['shop.com', 'www.shop.com'],
    appId: 'app-one',
    state: 'failing',
    notAfter: DAY,
    problem: { message: 'the CA is away', hint: 'wait' },
  };

  it('is told once the domain is verified, and warned of while it is not renewed', async () => {
    const { harness, one } = await open();
    harness.set(`TXT ${challengeHost('www.shop.com')}`, challengeValue(one.id));
    harness.set('A www.shop.com', '192.0.2.1');
    harness.certificates = [failing];
    await harness.domains.declare(one, ['www.shop.com', 'other.com']);
    expect(await harness.domains.find(one, 'www.shop.com')).toMatchObject({ certificate: null });
    const verified = await harness.domains.verify(one, 'www.shop.com');
    expect(verified).toMatchObject({ problem: null, certificate: failing });
    expect(harness.retried).toEqual(['www.shop.com']);
    const listed = await harness.domains.list(one);
    expect(listed.map(({ certificate }) => certificate)).toEqual([null, failing]);
    expect(await harness.domains.warnings()).toEqual([
      { kind: 'certificate', appId: 'app-one', message: 'the certificate of shop.com is failing' },
    ]);
    harness.certificates = [{ ...failing, state: 'valid', problem: null }];
    expect(await harness.domains.warnings()).toEqual([]);
  });
});

describe('the domains of fn.json', () => {
  it('are added once, in the order given, without a question to DNS', async () => {
    const { harness, one, two } = await open();
    harness.set('CNAME www.taken.com', 'two.fn.test');
    await harness.domains.add(two, request('www.taken.com'), BY);
    harness.asked.length = 0;
    const names = ['www.shop.com', 'Shop.com', 'www.taken.com', 'one.fn.test', 'shop.com.'];
    const first = await harness.domains.declare(one, names);
    expect(first.map(({ kind, name }) => `${kind} ${name}`)).toEqual([
      'added www.shop.com',
      'added shop.com',
      'refused www.taken.com',
      'refused one.fn.test',
      'known shop.com',
    ]);
    expect(first[0]).toMatchObject({
      records: [{ type: 'CNAME', value: 'one.fn.test', purpose: 'both' }, { type: 'TXT' }],
    });
    expect(harness.asked).toEqual([]);
    const again = await harness.domains.declare(one, names.slice(0, 2));
    expect(again.map(({ kind }) => kind)).toEqual(['known', 'known']);
  });

  it('are no more than an app may have', async () => {
    const { harness, one } = await open();
    const names = Array.from({ length: 101 }, (_, index) => `a${index}.shop.com`);
    const declared = await harness.domains.declare(one, names);
    expect(declared.filter(({ kind }) => kind === 'added')).toHaveLength(100);
    expect(declared.at(-1)).toMatchObject({
      kind: 'refused',
      reason: 'one has 100 domains already',
    });
  });
});
