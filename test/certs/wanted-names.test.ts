import { expect, it } from 'vitest';
import { isCoveredBy, type Served, wantedCertificates } from '../../src/certs/wanted-names.ts';

const SERVED: Served = {
  baseDomain: 'fn.example.com',
  controlHost: 'fn.example.com',
  ipAddresses: [],
  hasDnsProvider: false,
  hosts: [],
  domains: [],
};

const names = (served: Partial<Served>) =>
  wantedCertificates({ ...SERVED, ...served }).map((wanted) => wanted.names.join(' '));

const hosts = ['shop.fn.example.com', 'dev--shop.fn.example.com'].map((host) => ({
  host,
  appId: 'app-1',
}));

it('are the control host and what was released, without a DNS provider', () => {
  expect(names({ hosts })).toEqual([
    'fn.example.com',
    'shop.fn.example.com',
    'dev--shop.fn.example.com',
  ]);
});

it('are one wildcard with a provider, and the control host where it is elsewhere', () => {
  const hasDnsProvider = true;
  expect(names({ hosts, hasDnsProvider })).toEqual(['fn.example.com *.fn.example.com']);
  expect(names({ hasDnsProvider, controlHost: 'git.fn.example.com' })).toHaveLength(1);
  expect(names({ hasDnsProvider, controlHost: 'git.example.com' })).toEqual([
    'fn.example.com *.fn.example.com',
    'git.example.com',
  ]);
});

it('are none for localhost', () => {
  const local = { baseDomain: 'localhost', controlHost: 'localhost' };
  expect(names({ ...local, hosts: [{ host: 'shop.localhost', appId: 'a' }] })).toEqual([]);
  expect(names({ ...local, hasDnsProvider: true })).toEqual([]);
  expect(names({ ...local, ipAddresses: ['192.0.2.7'] })).toEqual(['192.0.2.7']);
});

it('are one for domains that redirect to one another', () => {
  const domain = (name: string, redirectTo: string | null = null, appId = 'app-1') => ({
    name,
    appId,
    redirectTo,
  });
  const domains = [
    domain('www.example.net', 'example.net'),
    domain('example.net'),
    domain('other.example', 'elsewhere.example'),
    domain('stranger.example', 'example.net', 'app-2'),
    domain('*.example.net'),
  ];
  expect(names({ domains })).toEqual([
    'fn.example.com',
    'example.net www.example.net',
    'other.example',
    'stranger.example',
    '*.example.net',
  ]);
});

it('of more than a hundred domains on one are ordered apart', () => {
  const guests = Array.from({ length: 120 }, (_, index) => ({
    name: `g${index}.example.net`,
    appId: 'app-1',
    redirectTo: 'example.net',
  }));
  const main = { name: 'example.net', appId: 'app-1', redirectTo: null };
  const wanted = wantedCertificates({ ...SERVED, domains: [main, ...guests] });
  expect(wanted.map((one) => one.names.length)).toEqual([1, 100, ...Array(21).fill(1)]);
});

it('are told apart by one label', () => {
  expect(isCoveredBy('a.example.com', '*.example.com')).toBe(true);
  expect(isCoveredBy('a.b.example.com', '*.example.com')).toBe(false);
  expect(isCoveredBy('example.com', '*.example.com')).toBe(false);
  expect(isCoveredBy('example.com', 'example.com')).toBe(true);
});
