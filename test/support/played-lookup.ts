import type { CaaRecord, DnsAnswer, DnsLookup } from '../../src/std/dns-lookup.ts';

/** What a name has; a type that is left out has no records. */
export interface PlayedName {
  addresses?: string[];
  txt?: string[];
  cname?: string[];
  /** `issue ca.example` */
  caa?: string[];
  nameServers?: string[];
  /** No look-up of it, of any type, is answered. */
  isBroken?: boolean;
}

/** Answers look-ups from a table; a name that is not in it does not exist. */
export function playLookup(names: Readonly<Record<string, PlayedName>>): DnsLookup {
  async function answer<T>(name: string, read: (played: PlayedName) => T[]): Promise<DnsAnswer<T>> {
    const played = names[name];
    if (played === undefined) return { kind: 'unknown-name' };
    if (played.isBroken === true) return { kind: 'failed', reason: 'SERVFAIL' };
    const values = read(played);
    return values.length === 0 ? { kind: 'none' } : { kind: 'found', values };
  }
  return {
    addresses: (name) => answer(name, ({ addresses = [] }) => addresses),
    txt: (name) => answer(name, ({ txt = [] }) => txt),
    cname: (name) => answer(name, ({ cname = [] }) => cname),
    caa: (name) => answer(name, ({ caa = [] }) => caa.map(readCaa)),
    nameServers: (zone) => answer(zone, ({ nameServers = [] }) => nameServers),
  };
}

function readCaa(line: string): CaaRecord {
  const [tag = '', ...rest] = line.split(' ');
  return { isCritical: false, tag, value: rest.join(' ') };
}
