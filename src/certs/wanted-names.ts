/** Which certificates there shall be, from what is served and configured. Pure. */
import { isIP } from 'node:net';
import type { WantedCertificate } from './ports.ts';

export interface Served {
  baseDomain: string;
  controlHost: string;
  /** Addresses that the operator wants certificates for. */
  ipAddresses: readonly string[];
  /** Whether a wildcard of the base domain can be proven. */
  hasDnsProvider: boolean;
  /** Hosts of production and of branches that were released, oldest first; not those of commits. */
  hosts: readonly { host: string; appId: string }[];
  /** Domains that were verified. */
  domains: readonly VerifiedDomain[];
}

export interface VerifiedDomain {
  /** `*.example.com` as well. */
  name: string;
  appId: string;
  /** Another of the app's domains that this one sends its visitors to. */
  redirectTo: string | null;
}

/** The first name of each stands for it: it stays the same while others come and go. */
export function wantedCertificates(served: Served): WantedCertificate[] {
  return withoutRepetition([
    ...ofPlatform(served),
    ...served.ipAddresses.map((address) => ({ names: [address], appId: null })),
    ...ofDomains(served),
    ...ofHosts(served),
  ]);
}

function ofPlatform({ baseDomain, controlHost, hasDnsProvider }: Served): WantedCertificate[] {
  if (!hasDnsProvider) return isCertifiable(controlHost) ? [alone(controlHost)] : [];
  const wildcard = { names: [baseDomain, `*.${baseDomain}`], appId: null };
  const isCovered = controlHost === baseDomain || isCoveredBy(controlHost, `*.${baseDomain}`);
  return [
    ...(isCertifiable(baseDomain) ? [wildcard] : []),
    ...(isCovered || !isCertifiable(controlHost) ? [] : [alone(controlHost)]),
  ];
}

function ofHosts({ hosts, baseDomain, hasDnsProvider }: Served): WantedCertificate[] {
  if (hasDnsProvider || !isCertifiable(baseDomain)) return [];
  return hosts.map(({ host, appId }) => ({ names: [host], appId }));
}

/** Two that redirect to one another, such as an apex and its `www`, share one. */
function ofDomains({ domains }: Served): WantedCertificate[] {
  const byName = new Map(domains.map((domain) => [domain.name, domain]));
  const sharesWithOther = (domain: VerifiedDomain): boolean => {
    const other = byName.get(domain.redirectTo ?? '');
    return other !== undefined && other.appId === domain.appId && other.redirectTo === null;
  };
  return domains
    .filter((domain) => isCertifiable(domain.name) && !sharesWithOther(domain))
    .flatMap((domain) => {
      const { appId } = domain;
      const guests = domains.filter(
        (other) => other.redirectTo === domain.name && sharesWithOther(other),
      );
      const [names, others] = splitAt(
        [domain, ...guests].map(({ name }) => name),
        MAX_NAMES,
      );
      return [{ names, appId }, ...others.map((name) => ({ names: [name], appId }))];
    });
}

function splitAt<T>(list: readonly T[], length: number): [T[], T[]] {
  return [list.slice(0, length), list.slice(length)];
}

/** Let's Encrypt's, and so many names are checked one after the other in each order. */
const MAX_NAMES = 100;

function alone(name: string): WantedCertificate {
  return { names: [name], appId: null };
}

function isCertifiable(name: string): boolean {
  const host = name.replace(/^\*\./, '');
  return (
    isIP(host) !== 0 || (host !== 'localhost' && !host.endsWith('.localhost') && host.includes('.'))
  );
}

/** A wildcard stands for one label. */
export function isCoveredBy(name: string, pattern: string): boolean {
  if (!pattern.startsWith('*.')) return name === pattern;
  return isIP(name) === 0 && name.slice(name.indexOf('.')) === pattern.slice(1);
}

function withoutRepetition(wanted: WantedCertificate[]): WantedCertificate[] {
  const byName = new Map<string, WantedCertificate>();
  for (const certificate of wanted) {
    const [first = ''] = certificate.names;
    if (!byName.has(first)) byName.set(first, certificate);
  }
  return [...byName.values()];
}
