import type { Clock } from '../std/clock.ts';
import type { Queryable } from '../store/database.ts';
import { listStrayDomains } from '../store/domains.ts';
import type { CertificatesPort } from './ports.ts';

/** More are no help to who reads them. */
const MAX_WARNINGS = 20;
/** Anybody may ask, as often as they like. */
const FRESH_MS = 2_000;

interface Deps {
  db: Queryable;
  certificates: Pick<CertificatesPort, 'status'>;
  clock: Pick<Clock, 'now'>;
}

/** What somebody should look after though all is served, at most so long ago. */
export function createWarnings({ db, certificates, clock }: Deps): () => Promise<string[]> {
  let last: { atMs: number; warnings: Promise<string[]> } | null = null;

  async function read(): Promise<string[]> {
    const strays = await listStrayDomains(db, MAX_WARNINGS);
    const failed = (await certificates.status()).filter(({ state }) => {
      return state !== 'valid' && state !== 'pending';
    });
    return [
      ...failed.map(({ names, state }) => `the certificate of ${names[0]} is ${state}`),
      ...strays.map(({ name, pointing }) => `the domain ${name} leads ${pointing}`),
    ].slice(0, MAX_WARNINGS);
  }

  return () => {
    const atMs = clock.now();
    if (last === null || Math.abs(atMs - last.atMs) >= FRESH_MS) last = { atMs, warnings: read() };
    return last.warnings;
  };
}
