import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createRfc2136 } from '../../src/certs/dns/rfc2136.ts';
import {
  createDnsChallenges,
  type DnsChallenges,
} from '../../src/certs/challenges/dns-challenge.ts';
import { createDnsLookup } from '../../src/std/dns-lookup.ts';
import { type Knot, startKnot } from '../support/knot.ts';

const KEY = { name: 'acme', algorithm: 'hmac-sha256', secret: randomBytes(32) } as const;
const OWN = new Set(['127.0.0.1', '127.0.0.2', '127.0.0.3']);
const signal = new AbortController().signal;
const record = (name: string, value = 'proof'): { name: string; value: string } => {
  return { name: `_acme-challenge.${name}`, value };
};

describe('a dns-01 challenge', () => {
  let primary: Knot;
  /** Has the zones as they were, for ever. */
  let secondary: Knot;

  beforeAll(async () => {
    const zones = {
      'good.test': '*.apps A 192.0.2.1',
      'alias.test':
        '_acme-challenge CNAME _here.good.test.\n_acme-challenge.loop CNAME _acme-challenge.loop',
      // One of its name servers has no address that anybody answers at.
      'half.test': '@ NS ns2\nns2 A 127.0.0.2',
      'late.test': '@ NS ns3\nns3 A 127.0.0.3',
      'away.test': '',
    };
    primary = await startKnot({ zones, key: KEY });
    const { port } = primary;
    secondary = await startKnot({ zones: { 'late.test': '' }, address: '127.0.0.3', port });
  });

  afterAll(async () => {
    await primary.close();
    await secondary.close();
  });

  function challenges(options: { port?: number; own?: Set<string> } = {}): DnsChallenges {
    const { port = primary.port, own = OWN } = options;
    const settings = { host: '127.0.0.1', port: primary.port, key: KEY, zone: null };
    return createDnsChallenges(
      { provider: createRfc2136(settings), lookup: primary.lookup, ownAddresses: () => own },
      { port, deadlineMs: 1_500, silenceMs: 300, pollMs: 20 },
    );
  }

  it('is seen when every name server of the zone has the record', async () => {
    const { provider, seen } = challenges();
    const both = [record('apps.good.test', 'base'), record('apps.good.test', 'wildcard')];
    for (const one of both) await provider.add(one, signal);
    for (const one of both) await seen(one, signal);
    const answer = await primary.lookup.txt('_acme-challenge.apps.good.test');
    expect(answer.kind === 'found' && answer.values.toSorted()).toEqual(['base', 'wildcard']);
    for (const one of both) await provider.remove(one, signal);
    const after = await primary.lookup.txt('_acme-challenge.apps.good.test');
    expect(after.kind).not.toBe('found');
  });

  it('is waited for until it is there', async () => {
    const { provider, seen } = challenges();
    const waiting = seen(record('slow.good.test'), signal);
    await provider.add(record('slow.good.test'), signal);
    await waiting;
  });

  it('is answered where an alias leads', async () => {
    const { provider, seen } = challenges();
    await provider.add(record('alias.test'), signal);
    await seen(record('alias.test'), signal);
    const values = ['proof'];
    expect(await primary.lookup.txt('_here.good.test')).toEqual({ kind: 'found', values });
    await provider.remove(record('alias.test'), signal);
    expect((await primary.lookup.txt('_here.good.test')).kind).not.toBe('found');
  });

  it('says which alias has no end', async () => {
    const added = challenges().provider.add(record('loop.alias.test'), signal);
    await expect(added).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(/_acme-challenge\.loop\.alias\.test could not be looked up/),
    });
  });

  it('does not wait for a name server that answers nobody', async () => {
    const { provider, seen } = challenges();
    await provider.add(record('half.test'), signal);
    await seen(record('half.test'), signal);
  });

  it('says which name server does not have it', async () => {
    const { provider, seen } = challenges();
    await provider.add(record('late.test'), signal);
    await expect(seen(record('late.test'), signal)).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringMatching(
        /took the TXT record .* and ns3\.late\.test did not answer it/,
      ),
      hint: expect.stringContaining('dig TXT _acme-challenge.late.test'),
    });
  });

  it.each([
    ['answers this machine', { port: 9 }],
    ['may be asked', { own: new Set<string>() }],
  ])('is looked for at the resolver where no name server %s', async (_, options) => {
    const { provider, seen } = challenges(options);
    const name = `${Object.keys(options)[0]}.away.test`;
    await expect(seen(record(name), signal)).rejects.toThrow(/within \d s/);
    await provider.add(record(name), signal);
    await seen(record(name), signal);
  });

  it('is over when nobody waits for it', async () => {
    const lookup = createDnsLookup({ servers: [`127.0.0.1:${primary.port}`] });
    const provider = { name: 'none', add: async () => {}, remove: async () => {} };
    const deps = { provider, lookup, ownAddresses: () => OWN };
    const { seen } = createDnsChallenges(deps, { port: primary.port });
    const controller = new AbortController();
    const waiting = seen(record('good.test'), controller.signal);
    controller.abort();
    await expect(waiting).rejects.toThrow();
  });
});
