import { describe, expect, it } from 'vitest';
import { certificateMetrics } from '../../src/certs/certificate-metrics.ts';
import { type CertificateStatus, withoutAuthority } from '../../src/certs/certificate-status.ts';
import type { CertificateRow } from '../../src/store/certificates.ts';

const END = Date.parse('2026-03-01T00:00:00Z');

function status(names: string[], changes: Partial<CertificateStatus> = {}): CertificateStatus {
  return {
    id: null,
    names,
    appId: null,
    state: 'pending',
    notAfter: null,
    nextAttempt: 0,
    failures: 0,
    problem: null,
    ...changes,
  };
}

function row(names: string[], changes: Partial<CertificateRow> = {}): CertificateRow {
  return {
    id: 'id',
    names,
    appId: null,
    source: 'upload',
    chain: '',
    notBefore: new Date(0),
    notAfter: new Date(END),
    directory: null,
    ...changes,
  };
}

describe('a server that asks no authority', () => {
  it('tells which names have no certificate, and attempts nothing', () => {
    const statuses = [
      status(['shop.com', 'www.shop.com']),
      status(['hello.fn.test']),
      status(['old.com'], { id: 'old', notAfter: END, state: 'valid', nextAttempt: END }),
    ];
    const shown = withoutAuthority(statuses, [row(['*.fn.test']), row(['shop.com'])]);
    expect(shown.map(({ names, nextAttempt }) => [names, nextAttempt])).toEqual([
      [['www.shop.com'], null],
      [['old.com'], null],
    ]);
    expect(shown.map(({ problem }) => problem?.hint)).toEqual([
      'bring one: fn certificates add CHAIN --key KEY; or set ACME_DIRECTORY_URL',
      undefined,
    ]);
  });
});

describe('the figures of certificates', () => {
  it('are the end and the failures of each, with the app by name', () => {
    const statuses = [
      status(['fn.test', '*.fn.test'], { notAfter: END, failures: 2 }),
      status(['shop.com'], { appId: 'app-1' }),
    ];
    const rows = [
      row(['fn.test'], { source: 'acme' }),
      row(['shop.com'], { appId: 'app-1', notAfter: new Date(END - 1_000) }),
      row(['shop.com', 'a.shop.com'], { appId: 'app-1' }),
    ];
    const [ends, failures] = certificateMetrics({ rows, statuses }, new Map([['app-1', 'shop']]));
    expect(ends?.samples).toEqual([
      { labels: { name: 'fn.test', app: '', source: 'acme' }, value: END / 1_000 },
      { labels: { name: 'shop.com', app: 'shop', source: 'upload' }, value: END / 1_000 },
    ]);
    expect(failures?.samples).toEqual([
      { labels: { name: 'fn.test', app: '' }, value: 2 },
      { labels: { name: 'shop.com', app: 'shop' }, value: 0 },
    ]);
  });
});
