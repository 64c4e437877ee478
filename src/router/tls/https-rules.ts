/** What is answered before anything else where there is HTTPS: challenges of a CA, misdirected requests, redirects to it. */
import { isIPv6, type Socket } from 'node:net';
import { hostUrl, isLocalName, type PublicAddress } from '../../model/address.ts';
import { LOOPBACK } from '../../std/address-list.ts';
import { type Answer, redirectAnswer } from '../answers.ts';
import type { Client } from '../client.ts';
import type { Peer } from '../peer.ts';
import type { RequestHead } from '../request-head.ts';
import type { OpenRoute } from '../route-table.ts';
import { isGitTarget } from '../target-path.ts';
import type { Certificates } from './certificates.ts';
import { httpChallengeAnswer } from './challenge-answers.ts';
import { secureConnectionOf } from './secure-connection.ts';

type Question = Pick<Client, 'method' | 'target' | 'socket'>;
/** What was found for a host; of a private one the same whether there is anything or not. */
type RouteKind = OpenRoute['kind'] | 'site';

export interface HttpsRules {
  /** What comes before the answer of its route; null when nothing does. */
  answerTo(question: Question, head: RequestHead, kind: RouteKind): Answer | null;
  /** Of all that the control host answers on a connection. */
  controlHeaders(socket: Socket, head: RequestHead): Record<string, string>;
}

export interface HttpsRulesDeps {
  certificates: Pick<Certificates, 'table' | 'challenges'>;
  /** The client's end of the connection, which a trusted proxy may tell. */
  peerOf: (socket: Socket, head: RequestHead) => Peer;
}

const CREDENTIALS = '\nauthorization\n';
const HEALTH_PATHS = new Set(['/healthz', '/readyz']);
/** A year, as RFC 6797 section 6.1.2 shows it. */
const HSTS = 'max-age=31536000';

/** `address` is that of HTTPS. */
export function createHttpsRules(
  { certificates, peerOf }: HttpsRulesDeps,
  address: PublicAddress,
): HttpsRules {
  /** Names of this very machine are shared by whatever is developed on it, and must not be pinned to HTTPS. */
  const isPinned = !isLocalName(address.controlHost);

  function redirectOf(question: Question, head: RequestHead, kind: RouteKind): Answer | null {
    const isSomewhere =
      kind === 'control' || kind === 'site' || kind === 'deployment' || kind === 'redirect';
    if (!isSomewhere || certificates.table.find(head.host) === null) return null;
    const peer = peerOf(question.socket, head);
    if (peer.scheme === 'https') return null;
    if (kind === 'control' && staysPlain(question.target, head, peer)) return null;
    // Not the Host header as it came: the name that was found, and the port that is ours.
    const host = isIPv6(head.host) ? `[${head.host}]` : head.host;
    return redirectAnswer(hostUrl(address, host), question.target);
  }

  return {
    answerTo: (question, head, kind) => {
      const challenge = httpChallengeAnswer(question, head.host, certificates.challenges);
      if (challenge !== null) return challenge;
      const secure = secureConnectionOf(question.socket);
      if (secure === null) return redirectOf(question, head, kind);
      return secure.covers(head.host) ? null : misdirectedAnswer(head.host);
    },
    controlHeaders: (socket, { host }): Record<string, string> => {
      const isForControl = isPinned && host === address.controlHost;
      if (!isForControl || secureConnectionOf(socket) === null) return {};
      return { 'strict-transport-security': HSTS };
    },
  };
}

/**
 * Of the control host: what a program on this machine asks, what looks whether it is alive, and what carries a token, which is
 * refused instead (protocol/peer.ts): a redirect would hide that it went over the wire in clear.
 */
function staysPlain(target: string, { headerLines }: RequestHead, { address }: Peer): boolean {
  return (
    LOOPBACK.has(address) ||
    HEALTH_PATHS.has(target) ||
    isGitTarget(target) ||
    headerLines.includes(CREDENTIALS)
  );
}

function misdirectedAnswer(host: string): Answer {
  return {
    status: 421,
    body:
      `This connection was made for another host: its certificate is not one of ${host}.\n` +
      'Open a connection of its own for each host, with the host as server name (SNI).\n',
  };
}
