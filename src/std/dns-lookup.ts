import { type CaaRecord as NodeCaaRecord, promises } from 'node:dns';

/** What name servers say about one name; whether it exists at all is told apart from whether it has such records. */
export type DnsAnswer<T> =
  | { kind: 'found'; values: T[] }
  /** The name exists without a record of the type (NODATA). */
  | { kind: 'none' }
  /** There is no such name (NXDOMAIN). */
  | { kind: 'unknown-name' }
  /** Nobody knows: no answer in time, or one that says nothing about the name. */
  | { kind: 'failed'; reason: string };

/** RFC 8659 section 4. */
export interface CaaRecord {
  /** A CA that does not know the tag must not issue. */
  isCritical: boolean;
  /** In lower case; empty for one that Node does not tell. */
  tag: string;
  value: string;
}

/** CNAMEs are followed to their end. Each call ends within LOOKUP_DEADLINE_MS; none throws. */
export interface DnsLookup {
  /** IPv4 and IPv6. */
  addresses(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  /** Each value whole, its parts joined (RFC 7208 section 3.3 and RFC 8555 section 8.4 read them so). */
  txt(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  /** The alias itself, one step. */
  cname(name: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
  caa(name: string, signal?: AbortSignal): Promise<DnsAnswer<CaaRecord>>;
  nameServers(zone: string, signal?: AbortSignal): Promise<DnsAnswer<string>>;
}

export const LOOKUP_DEADLINE_MS = 10_000;
/** Each server is asked so often, for so long at first; c-ares waits longer each time. */
const TRIES = 2;
const TIMEOUT_MS = 2_000;
/** A DNS message has 64 KiB at most, in which there is room for thousands of short records. */
const MAX_VALUES = 200;

export interface DnsLookupOptions {
  /** `address`, `address:port` or `[address]:port`, asked in order; empty: the machine's own (/etc/resolv.conf). */
  servers: readonly string[];
  deadlineMs?: number;
}

export function createDnsLookup(options: DnsLookupOptions): DnsLookup {
  const { servers, deadlineMs = LOOKUP_DEADLINE_MS } = options;

  /** A resolver of its own for each question, so that giving up one gives up no other. */
  async function ask<T>(
    question: (resolver: promises.Resolver) => Promise<T[]>,
    signal?: AbortSignal,
  ): Promise<DnsAnswer<T>> {
    if (signal?.aborted === true) return { kind: 'failed', reason: 'the look-up was given up' };
    const resolver = new promises.Resolver({ timeout: TIMEOUT_MS, tries: TRIES });
    const giveUp = (): void => resolver.cancel();
    const timer = setTimeout(giveUp, deadlineMs);
    signal?.addEventListener('abort', giveUp, { once: true });
    try {
      if (servers.length > 0) resolver.setServers(servers);
      const values = await question(resolver);
      return values.length === 0 ? { kind: 'none' } : found(values);
    } catch (error) {
      return answerOfError(error);
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    }
  }

  return {
    addresses: async (name, signal) =>
      merge(
        await Promise.all([
          ask((resolver) => resolver.resolve4(name), signal),
          ask((resolver) => resolver.resolve6(name), signal),
        ]),
      ),
    txt: (name, signal) =>
      ask(async (resolver) => (await resolver.resolveTxt(name)).map(joined), signal),
    cname: (name, signal) => ask((resolver) => resolver.resolveCname(name), signal),
    caa: (name, signal) =>
      ask(async (resolver) => (await resolver.resolveCaa(name)).map(caaRecord), signal),
    nameServers: (zone, signal) => ask((resolver) => resolver.resolveNs(zone), signal),
  };
}

function found<T>(values: T[]): DnsAnswer<T> {
  return { kind: 'found', values: values.slice(0, MAX_VALUES) };
}

/** What either family has; a family that could not be asked for counts only where the other has nothing. */
function merge(answers: DnsAnswer<string>[]): DnsAnswer<string> {
  const values = answers.flatMap((answer) => (answer.kind === 'found' ? answer.values : []));
  if (values.length > 0) return found(values);
  const [first = { kind: 'none' }] = [
    ...answers.filter(({ kind }) => kind === 'failed'),
    ...answers.filter(({ kind }) => kind === 'unknown-name'),
  ];
  return first;
}

function joined(parts: string[]): string {
  return parts.join('');
}

/** Node makes the tag the name of a property, beside `critical` and `type`. */
function caaRecord(record: NodeCaaRecord): CaaRecord {
  const { critical, ...rest } = record;
  const [tag, value] = Object.entries(rest).find(([key]) => key !== 'type') ?? ['', ''];
  // A tag named `critical` hides whether it is: it counts as one that is, and that nobody knows.
  return {
    isCritical: critical !== 0,
    tag: tag.toLowerCase(),
    value: typeof value === 'string' ? value : '',
  };
}

/** What c-ares calls the ways in which no answer comes (node:dns, "Error codes"). */
const REASONS: Readonly<Record<string, string>> = {
  ESERVFAIL:
    'the name server answered SERVFAIL: those of the domain do not answer it, or its DNSSEC is broken',
  EREFUSED: 'the name server refused to answer',
  ETIMEOUT: 'no name server answered in time',
  ECANCELLED: 'no name server answered in time',
  ECONNREFUSED: 'no name server could be reached',
  EBADRESP: 'the name server sent what is no DNS answer',
  EBADNAME: 'it is no name that DNS can be asked for',
};

function answerOfError(error: unknown): DnsAnswer<never> {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENODATA') return { kind: 'none' };
  if (code === 'ENOTFOUND') return { kind: 'unknown-name' };
  return {
    kind: 'failed',
    reason: REASONS[code] ?? `the look-up failed (${code || String(error)})`,
  };
}
