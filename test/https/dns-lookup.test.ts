import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { followAliases, findZone } from '../../src/certs/checks/dns-zone.ts';
import { findCaa } from '../../src/certs/checks/caa.ts';
import { type Knot, startKnot } from '../support/knot.ts';

const signal = new AbortController().signal;
const CAA = [
  'issue "ca.example; validationmethods=dns-01"',
  'issuewild ";"',
  'iodef "mailto:ops@example.test"',
].map((record) => `@ CAA 0 ${record}`);

describe('look-ups at a real name server', () => {
  let knot: Knot;

  beforeAll(async () => {
    knot = await startKnot({
      zones: {
        'example.test': [
          ...CAA,
          'a CNAME b',
          'b CNAME c',
          'c A 192.0.2.1',
          'c AAAA 2001:db8::1',
          'c CAA 128 tbs "x"',
          'dangling CNAME nowhere',
          'loop CNAME pool',
          'pool CNAME loop',
          'texts TXT "abc" "def"',
          'texts TXT "second"',
          'deep.below A 192.0.2.2',
          'alias-of-zone CNAME sub',
          'sub NS ns',
        ].join('\n'),
        'sub.example.test': '',
      },
    });
  });

  afterAll(() => knot.close());

  it('follow aliases to addresses of both families', async () => {
    const answer = await knot.lookup.addresses('A.example.test');
    const values = ['192.0.2.1', '2001:db8::1'];
    expect(answer).toEqual({ kind: 'found', values });
    expect(await knot.lookup.cname('a.example.test')).toEqual({
      kind: 'found',
      values: ['b.example.test'],
    });
  });

  it('tell a name without records from one that does not exist', async () => {
    expect(await knot.lookup.addresses('texts.example.test')).toEqual({ kind: 'none' });
    expect(await knot.lookup.txt('below.example.test')).toEqual({ kind: 'none' });
    expect(await knot.lookup.addresses('nobody.example.test')).toEqual({ kind: 'unknown-name' });
    expect(await knot.lookup.addresses('dangling.example.test')).toEqual({ kind: 'unknown-name' });
  });

  it('join the parts of each text', async () => {
    const answer = await knot.lookup.txt('texts.example.test');
    expect(answer.kind === 'found' && answer.values.toSorted()).toEqual(['abcdef', 'second']);
  });

  it('say why nobody knows', async () => {
    expect(await knot.lookup.txt('example.org')).toEqual({
      kind: 'failed',
      reason: 'the name server refused to answer',
    });
    expect(await knot.lookup.txt(`${'a'.repeat(64)}.test`)).toMatchObject({ kind: 'failed' });
  });

  it('find the CAA records of a name, or of the first name above it that has some', async () => {
    const found = await findCaa(knot.lookup, 'x.y.example.test', signal);
    expect(found).toMatchObject({ kind: 'found', at: 'example.test' });
    const records = found.kind === 'found' ? found.records : [];
    const tags = records.map(({ tag, isCritical }) => `${tag} ${isCritical}`).toSorted();
    expect(tags).toEqual(['iodef false', 'issue false', 'issuewild false']);
    expect(await findCaa(knot.lookup, 'a.example.test', signal)).toEqual({
      kind: 'found',
      at: 'a.example.test',
      records: [{ isCritical: true, tag: 'tbs', value: 'x' }],
    });
    const failed = await findCaa(knot.lookup, 'example.org', signal);
    expect(failed).toMatchObject({ kind: 'failed', at: 'example.org' });
  });

  it('find the zone of a name, which no alias is', async () => {
    const at = async (name: string): Promise<unknown> => findZone(knot.lookup, name, signal);
    const nameServers = ['ns.example.test'];
    expect(await at('_acme-challenge.deep.below.example.test')).toEqual({
      kind: 'zone',
      zone: 'example.test',
      nameServers,
    });
    expect(await at('x.sub.example.test')).toMatchObject({ zone: 'sub.example.test' });
    expect(await at('alias-of-zone.example.test')).toMatchObject({ zone: 'example.test' });
  });

  it('follow aliases to their end, and no loop', async () => {
    const at = async (name: string): Promise<unknown> => followAliases(knot.lookup, name, signal);
    expect(await at('a.example.test')).toEqual({ kind: 'name', name: 'c.example.test' });
    expect(await at('dangling.example.test')).toEqual({
      kind: 'name',
      name: 'nowhere.example.test',
    });
    expect(await at('loop.example.test')).toMatchObject({ kind: 'failed' });
  });
});
