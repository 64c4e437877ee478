/** Which hosts have a certificate of the machine's own authority. Pure. */
import { commitHost, productionHost, type PublicAddress, refHost } from '../../model/address.ts';
import type { Snapshot } from '../../protocol/snapshot.ts';

type Address = Pick<PublicAddress, 'baseDomain' | 'controlHost'>;

/** Each takes about 40 KiB of each data process. Hosts beyond have none: those of commits are the first to go without. */
export const MAX_LOCAL_CERTIFICATES = 1_000;
const LOOPBACK_ADDRESSES = ['127.0.0.1', '::1'];

/**
 * The names of each certificate. One for `*.localhost` would be enough, but OpenSSL and browsers refuse wildcards
 * directly below a top-level domain, since they would stand for everybody's names: so each host has one of its own, which is
 * made when the host appears. Any other base domain has a wildcard.
 */
export function localNames(snapshot: Pick<Snapshot, 'apps'>, address: Address): string[][] {
  const { baseDomain, controlHost } = address;
  const control = [controlHost, ...LOOPBACK_ADDRESSES];
  if (baseDomain.includes('.')) {
    const hosts = [baseDomain, `*.${baseDomain}`];
    const isCovered = controlHost === baseDomain || controlHost.endsWith(`.${baseDomain}`);
    const isOneBelow =
      isCovered && controlHost.split('.').length <= baseDomain.split('.').length + 1;
    return isOneBelow ? [[...hosts, ...LOOPBACK_ADDRESSES]] : [control, hosts];
  }
  const hosts = hostsOf(snapshot, address).filter((host) => host !== controlHost);
  return [control, ...hosts.map((host) => [host])].slice(0, MAX_LOCAL_CERTIFICATES);
}

/** Domains that the authority may sign for. */
export function permittedDomains({ baseDomain, controlHost }: Address): string[] {
  return [...new Set(['localhost', baseDomain, controlHost])].sort();
}

/** Production first, commits last. */
function hostsOf({ apps }: Pick<Snapshot, 'apps'>, address: Address): string[] {
  return [
    ...apps.map(({ name }) => productionHost(address, name)),
    ...apps.flatMap(({ name, slugs }) => {
      return Object.keys(slugs).map((slug) => refHost(address, name, slug));
    }),
    ...apps.flatMap(({ name, commits }) => {
      return Object.keys(commits).map((sha) => commitHost(address, name, sha));
    }),
  ];
}
