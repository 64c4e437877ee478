import type { Clock } from '../std/clock.ts';
import type { DnsLookup } from '../std/dns-lookup.ts';
import type { TxtRecord } from './ports.ts';

/** Name servers of a zone take seconds to agree; who needs longer is asked by the authority all the same. */
const MAX_WAIT_MS = 60_000;
const POLL_MS = 2_000;

/**
 * Resolves when a record can be looked up, or has been waited for long enough: the authority looks itself, from elsewhere,
 * and says it better when it is missing.
 */
export async function awaitRecord(
  { dns, clock }: { dns: Pick<DnsLookup, 'txt'>; clock: Clock },
  { name, value }: TxtRecord,
  signal: AbortSignal,
): Promise<void> {
  const startedMs = clock.monotonicMs();
  for (;;) {
    const answer = await dns.txt(name, signal);
    if (answer.kind === 'found' && answer.values.includes(value)) return;
    if (signal.aborted || clock.monotonicMs() - startedMs >= MAX_WAIT_MS) return;
    await new Promise<void>((resolve) => void clock.after(POLL_MS, resolve));
  }
}
