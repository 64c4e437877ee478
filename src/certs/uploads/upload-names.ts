/** For which of its names a certificate that somebody has brought is served. Pure. */
import { isIP } from 'node:net';
import type { PublicAddress } from '../../model/address.ts';
import type { CertificateRow } from '../../store/certificates.ts';
import type { WantedCertificate } from '../ports.ts';
import { isInLastThird } from '../renewal-plan.ts';
import { isCoveredBy } from '../wanted-names.ts';

/** A domain that an app has verified. */
export interface OwnedName {
  appId: string;
  name: string;
}

/** Those of the platform: its hosts, all below its domain, and addresses. */
export function isOfPlatform(
  name: string,
  { baseDomain, controlHost }: Pick<PublicAddress, 'baseDomain' | 'controlHost'>,
): boolean {
  if (isIP(name) !== 0 || name === controlHost || name === baseDomain) return true;
  return name.endsWith(`.${baseDomain}`);
}

/** Those of an app: what it has verified, and what a wildcard covers that it has. */
export function isOfApp(name: string, appId: string, owned: readonly OwnedName[]): boolean {
  return owned.some((one) => {
    return one.appId === appId && (one.name === name || isCoveredBy(name, one.name));
  });
}

/**
 * Without the names of uploads that their app has no more: whoever had a domain before must not be asked for its visitors'
 * secrets.
 */
export function withoutLostNames(
  rows: readonly CertificateRow[],
  owned: readonly OwnedName[],
): CertificateRow[] {
  return rows.flatMap((row) => {
    const { source, appId } = row;
    if (source !== 'upload' || appId === null) return [row];
    const names = row.names.filter((name) => isOfApp(name, appId, owned));
    return names.length === 0 ? [] : [{ ...row, names }];
  });
}

/**
 * Without what uploads cover that have more than a third of their life left: by then whoever brought it has brought another,
 * or there is still time to order one.
 */
export function withoutUploaded(
  wanted: readonly WantedCertificate[],
  rows: readonly CertificateRow[],
  now: number,
): WantedCertificate[] {
  const uploads = rows.filter((row) => row.source === 'upload' && isLasting(row, now));
  if (uploads.length === 0) return [...wanted];
  const isUploaded = (name: string): boolean => {
    return uploads.some(({ names }) => names.some((covering) => isCoveredBy(name, covering)));
  };
  return wanted.filter(({ names }) => !names.every(isUploaded));
}

/** Valid, with more than a third of its life left. */
export function isLasting({ notBefore, notAfter }: CertificateRow, now: number): boolean {
  const validity = { notBefore: notBefore.getTime(), notAfter: notAfter.getTime() };
  return validity.notBefore <= now && !isInLastThird(validity, now);
}
