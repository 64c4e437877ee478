import { afterAll, beforeAll, expect, it } from 'vitest';
import { createNameServers } from '../../src/main/control/name-servers.ts';
import { type Knot, startKnot } from '../support/knot.ts';

let knot: Knot;

beforeAll(async () => {
  const lines = '_gitfn-challenge.www TXT "gitfn=1234"\nshop CNAME hello.fn.test.\n';
  // Its second name server is at an address that clouds tell their machines secrets from.
  const metadata = '@ NS metadata\nmetadata A 169.254.169.254\n';
  knot = await startKnot({ zones: { 'example.com': lines + metadata } });
});
afterAll(() => knot?.close());

it('asks the name servers of the zone that a name is in, and none at an address that is no host of theirs', async () => {
  const servers = createNameServers(knot.lookup, knot.port);
  const { signal } = new AbortController();
  const found = await servers.find('a.b.example.com', signal);
  expect(found).toEqual([{ nameServer: 'ns.example.com', addresses: ['127.0.0.1'] }]);
  const [server = { nameServer: '', addresses: [] }] = found;
  expect(await servers.txt(server, '_gitfn-challenge.www.example.com', signal)).toEqual({
    kind: 'found',
    values: ['gitfn=1234'],
  });
  expect(await servers.txt(server, '_gitfn-challenge.example.com', signal)).toEqual({
    kind: 'unknown-name',
  });
  expect(await servers.cname(server, 'shop.example.com', signal)).toEqual({
    kind: 'found',
    values: ['hello.fn.test'],
  });
});

it('asks nobody about a name whose zone cannot be found', async () => {
  const servers = createNameServers(knot.lookup, knot.port);
  expect(await servers.find('example.net', new AbortController().signal)).toEqual([]);
});
