import { describe, expect, it } from 'vitest';
import { certificateIndex, hasTurned } from '../../src/certs/certificate-index.ts';
import type { CertificateRow } from '../../src/store/certificates.ts';

const DAY_MS = 24 * 60 * 60_000;

function row(id: string, source: CertificateRow['source'], days: [number, number]): CertificateRow {
  const [notBefore, notAfter] = days.map((day) => new Date(day * DAY_MS)) as [Date, Date];
  const sealed = { masterKeyId: 'k', sealedKey: Buffer.alloc(0) };
  const names = ['a.test'];
  return {
    id,
    names,
    source,
    notBefore,
    notAfter,
    chain: id,
    appId: null,
    directory: null,
    ...sealed,
  };
}

/** Brought for the first 90 days; ordered when it was about to end, for longer. */
const ROWS = [row('brought', 'upload', [0, 90]), row('ordered', 'acme', [60, 150])];

function servedOn(day: number): string | undefined {
  return certificateIndex(ROWS, [], { generation: 1, now: day * DAY_MS }).certificates[0]?.id;
}

describe('the index', () => {
  it('has what somebody brought before what was ordered, until it has ended', () => {
    expect([servedOn(70), servedOn(89), servedOn(90), servedOn(91)]).toEqual([
      'brought',
      'brought',
      'ordered',
      'ordered',
    ]);
  });

  it('has the one that was last where none is valid', () => {
    expect(servedOn(400)).toBe('ordered');
  });

  it('is due anew when one of them has begun or ended, and not before', () => {
    const turned = (since: number, now: number) => hasTurned(ROWS, since * DAY_MS, now * DAY_MS);
    expect([turned(61, 89), turned(61, 90), turned(59, 60)]).toEqual([false, true, true]);
    // Looked at since.
    expect(turned(90, 100)).toBe(false);
  });
});
