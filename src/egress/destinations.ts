import {
  allowsConnection,
  canonicalAddress,
  type EgressPolicy,
  normaliseName,
} from '../model/egress-rule.ts';
import type { ConnectTarget, Refusal } from '../protocol/egress-channel.ts';
import { parseIpAddress } from '../std/ip-address.ts';
import { answerQuery, type AnswerDeps } from './answer-query.ts';
import type { Resolve } from './answer-message.ts';
import { addressOf, DNS_TYPE, type DnsQuestion } from './dns-message.ts';

/** Where one sandbox without a network may connect to. */
export interface Destinations {
  /** Addresses to try in turn, or why there is none. */
  addressesOf(target: ConnectTarget): Promise<string[] | Refusal>;
  /** What a name means to it; nothing for one that it may not reach. */
  lookUp(name: string): Promise<string[]>;
  /** What it is told of a name by DNS. */
  resolve: Resolve;
}

/** How many addresses are remembered with the name that a rule has; the oldest goes. */
const MAX_REMEMBERED = 256;
/** By which mail servers talk among themselves, and by which a stolen function would send spam. */
const MAIL_PORT = 25;

export function createDestinations(policy: EgressPolicy, deps: AnswerDeps): Destinations {
  /** By address, the name of a rule that it was told for. */
  const told = new Map<string, string>();

  async function lookUp(host: string): Promise<string[]> {
    const name = normaliseName(host);
    if (name === null) return [];
    const types = [DNS_TYPE.A, DNS_TYPE.AAAA];
    const found = await Promise.all(types.map((type) => resolve({ name, type })));
    return found.flatMap(({ answers }) => answers.flatMap((record) => addressOf(record) ?? []));
  }

  /** Addresses are checked, and connected to, at this end: there is nothing to open. */
  async function resolve(question: DnsQuestion): ReturnType<Resolve> {
    const found = await answerQuery(question, policy, {
      ...deps,
      open: () => Promise.resolve(true),
    });
    const name = normaliseName(question.name);
    for (const record of found.answers) {
      const address = addressOf(record);
      if (address !== null && name !== null) remember(canonicalAddress(address), name);
    }
    return found;
  }

  function remember(address: string, name: string): void {
    told.delete(address);
    told.set(address, name);
    const [oldest] = told.keys();
    if (told.size > MAX_REMEMBERED && oldest !== undefined) told.delete(oldest);
  }

  return {
    lookUp,
    resolve,
    async addressesOf({ host, port }) {
      const isAddress = parseIpAddress(host) !== null;
      const name = isAddress ? null : normaliseName(host);
      const found = isAddress ? [canonicalAddress(host)] : await lookUp(host);
      if (found.length === 0) return notFound(host);
      const own = deps.ownAddresses();
      const publicAllowed = policy.publicAllowed && port !== MAIL_PORT;
      const allowed = found.filter((address) =>
        allowsConnection(
          { ...policy, publicAllowed },
          { name: name ?? told.get(address) ?? null, address, port },
          own,
        ),
      );
      return allowed.length > 0 ? allowed : refusedBy(host, port);
    },
  };
}

export function notFound(host: string): Refusal {
  return { code: 'ENOTFOUND', message: `getaddrinfo ENOTFOUND ${host}` };
}

function refusedBy(host: string, port: number): Refusal {
  const message = `connect EACCES ${host}:${port}: functions of this server may not connect there`;
  return { code: 'EACCES', message };
}
