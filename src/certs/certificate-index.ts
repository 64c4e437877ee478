import type { AcmeChallenge, CertificateIndex } from '../protocol/certificates.ts';
import type { CertificateRow } from '../store/certificates.ts';

/** What somebody brought stands before what was ordered, and that before what only this machine believes. */
const RANKS: Record<CertificateRow['source'], number> = { upload: 2, acme: 1, local: 0 };

/**
 * The best certificate of each name: one that is valid now, of the better source, that lasts longest. Where none is valid the
 * one that was last is served all the same: who has an ordinary clock then sees that it has expired, instead of nothing, and
 * a machine whose own clock is wrong goes on serving.
 */
export function certificateIndex(
  rows: readonly CertificateRow[],
  challenges: readonly AcmeChallenge[],
  { generation, now }: { generation: number; now: number },
): CertificateIndex {
  const best = bestByName(rows, now);
  const certificates = rows.flatMap((row) => {
    const names = row.names.filter((name) => best.get(name) === row);
    if (names.length === 0) return [];
    return [{ id: row.id, names, chain: row.chain, notAfter: row.notAfter.getTime() }];
  });
  return { generation, certificates, challenges: [...challenges] };
}

/** Whether a certificate has begun to be valid since then, or has ended: the best may be another one now. */
export function hasTurned(rows: readonly CertificateRow[], since: number, now: number): boolean {
  return rows.some(({ notBefore, notAfter }) =>
    [notBefore.getTime(), notAfter.getTime()].some((at) => since < at && at <= now),
  );
}

function bestByName(rows: readonly CertificateRow[], now: number): Map<string, CertificateRow> {
  const best = new Map<string, CertificateRow>();
  for (const row of rows) {
    for (const name of row.names) {
      const former = best.get(name);
      if (former === undefined || isBetter(row, former, now)) best.set(name, row);
    }
  }
  return best;
}

function isBetter(row: CertificateRow, other: CertificateRow, now: number): boolean {
  const validity = Number(isValid(row, now)) - Number(isValid(other, now));
  if (validity !== 0) return validity > 0;
  const rank = isValid(row, now) ? RANKS[row.source] - RANKS[other.source] : 0;
  return rank === 0 ? row.notAfter > other.notAfter : rank > 0;
}

function isValid({ notBefore, notAfter }: CertificateRow, now: number): boolean {
  return notBefore.getTime() <= now && now < notAfter.getTime();
}
