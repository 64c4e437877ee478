/** The figures of certificates for who watches the platform from outside. Pure. */
import type { Metric } from '../model/metric.ts';
import type { CertificateRow } from '../store/certificates.ts';
import type { ShownStatus } from './certificate-status.ts';

type Sample = Metric['samples'][number];

interface Dated {
  name: string;
  app: string;
  source: CertificateRow['source'];
  notAfter: number;
}

/**
 * Each certificate goes by the first of its names.
 * @param rows what people have brought and what this machine's own authority has issued; what was ordered has a status
 * @param appNames by id
 */
export function certificateMetrics(
  { rows, statuses }: { rows: readonly CertificateRow[]; statuses: readonly ShownStatus[] },
  appNames: ReadonlyMap<string, string>,
): Metric[] {
  const labelsOf = ({ names: [name = ''], appId }: Pick<CertificateRow, 'names' | 'appId'>) => {
    return { name, app: appNames.get(appId ?? '') ?? '' };
  };
  const ordered = statuses.flatMap((status): Dated[] => {
    const { notAfter } = status;
    return notAfter === null ? [] : [{ ...labelsOf(status), source: 'acme', notAfter }];
  });
  const others = rows
    .filter(({ source }) => source !== 'acme')
    .map((row) => ({ ...labelsOf(row), source: row.source, notAfter: row.notAfter.getTime() }));
  return [
    {
      name: 'gitfn_certificate_expiry_timestamp_seconds',
      help: 'When the certificate ends, in seconds since 1970.',
      type: 'gauge',
      samples: longest([...ordered, ...others]),
    },
    {
      name: 'gitfn_certificate_failures',
      help: 'Attempts in a row that have failed to order or renew the certificate.',
      type: 'gauge',
      samples: statuses.map((status) => ({ labels: labelsOf(status), value: status.failures })),
    },
  ];
}

/** Of several with the same labels the one that is valid longest, which is the one that is served. */
function longest(certificates: readonly Dated[]): Sample[] {
  const samples = new Map<string, Sample>();
  for (const { notAfter, ...labels } of certificates) {
    const key = JSON.stringify(labels);
    const value = Math.max(notAfter / 1_000, samples.get(key)?.value ?? 0);
    samples.set(key, { labels, value });
  }
  return [...samples.values()];
}
