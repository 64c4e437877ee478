import { SLUG_SEPARATOR } from './slug.ts';

/** Where the platform is reached from outside. */
export interface PublicAddress {
  /** `localhost` or the operator's domain; apps are one label below it. */
  baseDomain: string;
  controlHost: string;
  /** `http` until certificates are served. */
  scheme: 'http' | 'https';
  /** As seen by clients. */
  port: number;
}

/** Hex digits of a commit's SHA in its host name. */
const COMMIT_DIGITS = 12;

export function productionUrl(address: PublicAddress, appName: string): string {
  return hostUrl(address, productionHost(address, appName));
}

export function productionHost(
  { baseDomain }: Pick<PublicAddress, 'baseDomain'>,
  appName: string,
): string {
  return `${appName}.${baseDomain}`;
}

export function refUrl(address: PublicAddress, appName: string, slug: string): string {
  return hostUrl(address, refHost(address, appName, slug));
}

export function refHost(
  address: Pick<PublicAddress, 'baseDomain'>,
  appName: string,
  slug: string,
): string {
  return `${slug}${SLUG_SEPARATOR}${productionHost(address, appName)}`;
}

export function commitUrl(address: PublicAddress, appName: string, sha: string): string {
  return hostUrl(address, commitHost(address, appName, sha));
}

export function commitHost(
  address: Pick<PublicAddress, 'baseDomain'>,
  appName: string,
  sha: string,
): string {
  return refHost(address, appName, sha.slice(0, COMMIT_DIGITS));
}

export function controlUrl(address: PublicAddress): string {
  return hostUrl(address, address.controlHost);
}

/** Where a host answers, whichever it is; without a path. */
export function hostUrl(address: PublicAddress, host: string): string {
  const isDefaultPort = address.port === (address.scheme === 'https' ? 443 : 80);
  return `${address.scheme}://${host}${isDefaultPort ? '' : `:${address.port}`}`;
}

/** Names that always mean this machine (RFC 6761 section 6.3); the resolver need not know them. */
export function isLocalName(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost');
}
