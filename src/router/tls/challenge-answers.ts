/** What a CA is answered that looks whether a host is ours. */
import type { AcmeChallenge } from '../../protocol/certificates.ts';
import { parseIpAddress, widthOf } from '../../std/ip-address.ts';
import type { Answer } from '../answers.ts';
import type { Client } from '../client.ts';
import { canonicalHost } from './certificate-names.ts';

const PREFIX = '/.well-known/acme-challenge/';
const TYPE = 'application/octet-stream'; // RFC 8555 section 8.3.

/** Of every host, whatever is deployed there: the path is not the app's. Null for any other path. */
export function httpChallengeAnswer(
  { method, target }: Pick<Client, 'method' | 'target'>,
  host: string,
  challenges: readonly AcmeChallenge[],
): Answer | null {
  if (!target.startsWith(PREFIX)) return null;
  const token = target.slice(PREFIX.length);
  const canonical = canonicalHost(host);
  const found = challenges.find(
    (one) => one.kind === 'http-01' && one.token === token && canonicalHost(one.host) === canonical,
  );
  if (found?.kind !== 'http-01' || (method !== 'GET' && method !== 'HEAD')) {
    return { status: 404, body: 'There is no such challenge.\n' };
  }
  return { status: 200, body: found.keyAuthorization, headers: { 'content-type': TYPE } };
}

type AlpnChallenge = Extract<AcmeChallenge, { kind: 'tls-alpn-01' }>;

/** Of the challenges, the one that a CA means by a server name. */
export function alpnChallenge(
  serverName: string,
  challenges: readonly AcmeChallenge[],
): AlpnChallenge | null {
  const wanted = serverName.toLowerCase();
  const found = challenges.find(
    (one) => one.kind === 'tls-alpn-01' && challengeName(one.host) === wanted,
  );
  return found?.kind === 'tls-alpn-01' ? found : null;
}

/** Addresses are no server names: they are asked for by their names in the reverse tree (RFC 8738 section 6). */
function challengeName(host: string): string {
  const address = parseIpAddress(host);
  if (address === null) return host;
  const [digitBits, base, zone] =
    address.family === 4 ? ([8n, 10, 'in-addr'] as const) : ([4n, 16, 'ip6'] as const);
  const labels: string[] = [];
  for (let at = 0n; at < widthOf(address.family); at += digitBits) {
    labels.push(((address.bits >> at) & ((1n << digitBits) - 1n)).toString(base));
  }
  return `${labels.join('.')}.${zone}.arpa`;
}
