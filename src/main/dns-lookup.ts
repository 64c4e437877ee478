import { Resolver } from 'node:dns/promises';
import type { DnsLookup } from '../domains/index.ts';

type Answer = Awaited<ReturnType<DnsLookup['txt']>>;

/** Of one try at one server, which is tried twice; each further try takes longer. */
const TRY_MS = 1_500;
const TRIES = 2;
/** Of all of it, however many servers are tried. */
const DEADLINE_MS = 8_000;

/** Asks these servers (`address` or `address:port`), or those of the machine when there are none. */
export function createDnsLookup(servers: readonly string[]): DnsLookup {
  async function ask(query: (resolver: Resolver) => Promise<string[]>): Promise<Answer> {
    const resolver = new Resolver({ timeout: TRY_MS, tries: TRIES });
    if (servers.length > 0) resolver.setServers(servers);
    const deadline = setTimeout(() => resolver.cancel(), DEADLINE_MS);
    try {
      const values = await query(resolver);
      return values.length === 0 ? { kind: 'none' } : { kind: 'found', values };
    } catch (error) {
      return failureOf(error);
    } finally {
      clearTimeout(deadline);
    }
  }

  return {
    txt: (name) =>
      ask(async (resolver) => {
        const records = await resolver.resolveTxt(name);
        return records.map((strings) => strings.join(''));
      }),
    cname: (name) => ask((resolver) => resolver.resolveCname(name)),
    async addresses(name) {
      const [v4, v6] = await Promise.all([
        ask((resolver) => resolver.resolve4(name)),
        ask((resolver) => resolver.resolve6(name)),
      ]);
      const values = [v4, v6].flatMap((answer) => (answer.kind === 'found' ? answer.values : []));
      if (values.length > 0) return { kind: 'found', values };
      return v4.kind === 'failed' ? v4 : v6.kind === 'failed' ? v6 : v4;
    },
  };
}

function failureOf(error: unknown): Answer {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENODATA') return { kind: 'none' };
  if (code === 'ENOTFOUND') return { kind: 'unknown-name' };
  return { kind: 'failed', reason: code ?? message };
}
