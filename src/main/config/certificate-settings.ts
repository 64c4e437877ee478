/**
 * The settings of HTTPS and of certificates. Nothing here is secret: what is lies in the two files that are named here
 * and read by certificate-secrets.ts.
 */
import { isIP } from 'node:net';
import { resolve } from 'node:path';
import { isPublicName } from '../../model/public-name.ts';
import type { ServerEnvironment } from './env.ts';

export interface CertificateSettings {
  /** Certificate authorities in the order in which they are asked; empty where none shall be. */
  readonly directories: readonly AcmeDirectory[];
  /** Contact of the accounts. */
  readonly email: string | null;
  /** PEM roots that the directories' own HTTPS may have, beside those of Node. */
  readonly caFile: string | null;
  /** Keys of accounts that exist elsewhere (external account binding, RFC 8555 section 7.3.4). */
  readonly eabFile: string | null;
  /** Addresses of this machine that shall have a certificate. */
  readonly ipAddresses: readonly string[];
  /** The most that are ordered in a week for the names of one registered domain. */
  readonly perWeek: number;
  readonly dnsProvider: { readonly name: DnsProviderName; readonly file: string | null } | null;
  /** `address` or `address:port` of the name servers that domains are looked up at; empty: the machine's. */
  readonly dnsServers: readonly string[];
}

export interface AcmeDirectory {
  readonly url: string;
  /** Where an order is tried after one has failed, so that the next failure costs nothing. */
  readonly stagingUrl: string | null;
}

export const DNS_PROVIDERS = ['rfc2136', 'cloudflare', 'route53', 'digitalocean', 'exec'] as const;
export type DnsProviderName = (typeof DNS_PROVIDERS)[number];

const LETS_ENCRYPT = 'https://acme-v02.api.letsencrypt.org/directory';
const LETS_ENCRYPT_STAGING = 'https://acme-staging-v02.api.letsencrypt.org/directory';
/** Let's Encrypt issues 50 in a week for a registered domain; some are left for what else has certificates there. */
const PER_WEEK = 40;
const MAX_PER_WEEK = 100_000;
/** More would be a list of guesses rather than a preference. */
const MAX_DIRECTORIES = 5;
const MAX_IP_ADDRESSES = 10;
const MAX_DNS_SERVERS = 10;

interface Surroundings {
  baseDomain: string;
  /** Whether there is HTTPS by certificates that others than this machine believe. */
  isPublicHttps: boolean;
  workingDir: string;
  /** What cannot be used, each a line that names the variable. */
  problems: string[];
}

/** Reads all of them; what cannot be used is told in `problems`, and the default stands in for it. */
export function readCertificateSettings(
  environment: ServerEnvironment,
  { baseDomain, isPublicHttps, workingDir, problems }: Surroundings,
): CertificateSettings {
  const wrong = (name: keyof ServerEnvironment, wanted: string): void => {
    problems.push(`${name}=${environment[name]}: ${wanted}`);
  };
  const pathOf = (name: keyof ServerEnvironment): string | null => {
    const path = environment[name];
    return path === undefined ? null : resolve(workingDir, path);
  };
  const isDefault = isPublicHttps && isPublicName(baseDomain);
  return {
    directories: readDirectories(environment, isDefault ? LETS_ENCRYPT : 'none', problems),
    email: readEmail(environment, wrong),
    caFile: pathOf('ACME_CA_FILE'),
    eabFile: pathOf('ACME_EAB_FILE'),
    ipAddresses: readIpAddresses(environment, wrong),
    perWeek: readPerWeek(environment, wrong),
    dnsProvider: readDnsProvider(environment, { file: pathOf('FN_DNS_PROVIDER_FILE'), problems }),
    dnsServers: readDnsServers(environment, wrong),
  };
}

type Wrong = (name: keyof ServerEnvironment, wanted: string) => void;

function list(text: string | undefined): string[] {
  return text?.split(/[\s,]+/).filter(Boolean) ?? [];
}

function readDirectories(
  environment: ServerEnvironment,
  fallback: string,
  problems: string[],
): AcmeDirectory[] {
  const urls = list(environment.ACME_DIRECTORY_URL ?? fallback);
  if (urls.length > MAX_DIRECTORIES) {
    problems.push(`ACME_DIRECTORY_URL: at most ${MAX_DIRECTORIES} directories can be named`);
  }
  const staging = environment.ACME_STAGING_URL;
  if (staging !== undefined && staging !== 'none' && !isHttpsUrl(staging)) {
    problems.push('ACME_STAGING_URL: a URL that starts with https://, or none, is needed');
  }
  if (urls.length === 1 && urls[0] === 'none') return [];
  return urls.flatMap((url, index) => {
    if (isHttpsUrl(url))
      return [{ url, stagingUrl: stagingOf(url, index === 0 ? staging : undefined) }];
    // It may hold a password, so it is not repeated.
    problems.push('ACME_DIRECTORY_URL: URLs that start with https://, or none, are needed');
    return [];
  });
}

/** The setting is the first directory's; Let's Encrypt's is known. */
function stagingOf(url: string, setting: string | undefined): string | null {
  if (setting === 'none') return null;
  return setting ?? (url === LETS_ENCRYPT ? LETS_ENCRYPT_STAGING : null);
}

function isHttpsUrl(text: string): boolean {
  const url = URL.parse(text);
  return url?.protocol === 'https:' && url.username === '' && url.password === '';
}

function readEmail({ ACME_EMAIL: text }: ServerEnvironment, wrong: Wrong): string | null {
  if (text !== undefined && !/^[^\s@,?]+@[^\s@,?]+$/.test(text)) {
    wrong('ACME_EMAIL', 'a mail address is needed');
  }
  return text ?? null;
}

function readIpAddresses({ ACME_IP_ADDRESSES: text }: ServerEnvironment, wrong: Wrong): string[] {
  const addresses = list(text);
  if (addresses.length > MAX_IP_ADDRESSES) {
    wrong('ACME_IP_ADDRESSES', `at most ${MAX_IP_ADDRESSES} addresses can be named`);
  }
  for (const address of addresses) {
    if (isIP(address) === 0) wrong('ACME_IP_ADDRESSES', `"${address}" is no IP address`);
  }
  return addresses;
}

function readPerWeek(
  { ACME_CERTIFICATES_PER_WEEK: text }: ServerEnvironment,
  wrong: Wrong,
): number {
  if (text === undefined) return PER_WEEK;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 1 && value <= MAX_PER_WEEK) return value;
  wrong('ACME_CERTIFICATES_PER_WEEK', `a whole number from 1 to ${MAX_PER_WEEK} is needed`);
  return PER_WEEK;
}

function readDnsProvider(
  { FN_DNS_PROVIDER: text }: ServerEnvironment,
  { file, problems }: { file: string | null; problems: string[] },
): CertificateSettings['dnsProvider'] {
  if (text === undefined) {
    if (file !== null)
      problems.push('FN_DNS_PROVIDER_FILE: FN_DNS_PROVIDER must name its provider');
    return null;
  }
  const name = DNS_PROVIDERS.find((provider) => provider === text.toLowerCase());
  if (name !== undefined) return { name, file };
  problems.push(`FN_DNS_PROVIDER=${text}: one of ${DNS_PROVIDERS.join(', ')} is needed`);
  return null;
}

function readDnsServers({ FN_DNS_SERVERS: text }: ServerEnvironment, wrong: Wrong): string[] {
  const servers = list(text);
  if (servers.length > MAX_DNS_SERVERS) {
    wrong('FN_DNS_SERVERS', `at most ${MAX_DNS_SERVERS} servers can be named`);
  }
  for (const server of servers) {
    if (!isServer(server)) {
      wrong('FN_DNS_SERVERS', `"${server}" is neither an address nor address:port, [address]:port`);
    }
  }
  return servers;
}

/** As dns.Resolver.setServers takes them. */
function isServer(text: string): boolean {
  if (isIP(text) !== 0) return true;
  const [, bracketed, plain, port] =
    /^(?:\[([0-9a-fA-F:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(text) ?? [];
  const isAddress = bracketed === undefined ? isIP(plain ?? '') === 4 : isIP(bracketed) === 6;
  return isAddress && Number(port) >= 1 && Number(port) <= 65_535;
}
