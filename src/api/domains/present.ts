import { domainToUnicode } from 'node:url';
import type { DomainStatus } from '../../domains/index.ts';
import { hostUrl, type PublicAddress } from '../../model/address.ts';
import { DOMAIN_QUARANTINE_MS, domainBase, isWildcard } from '../../model/domain.ts';
import type { Domain, DomainRemoval } from '../../protocol/control-client.generated.ts';
import type { RemovedDomain } from '../../store/domains.ts';

export function presentDomain(address: PublicAddress, status: DomainStatus): Domain {
  const { domain, branch, records, findings, problem, certificate } = status;
  const { name, redirectTo, proof, report, checkedAt, nextCheckAt, createdAt, verifiedAt } = domain;
  return {
    name,
    displayName: displayName(name),
    state: domain.state === 'verified' ? 'verified' : 'pending',
    url: hostUrl(address, name),
    branch,
    redirectTo,
    proof,
    pointing: report?.pointing ?? 'unknown',
    problem,
    records,
    findings,
    certificate: certificate && presentCertificate(certificate),
    checkedAt: checkedAt?.toISOString() ?? null,
    nextCheckAt: nextCheckAt?.toISOString() ?? null,
    createdAt: createdAt.toISOString(),
    verifiedAt: domain.state === 'verified' ? (verifiedAt?.toISOString() ?? null) : null,
  };
}

function presentCertificate({
  state,
  notAfter,
  problem,
}: NonNullable<DomainStatus['certificate']>): Domain['certificate'] {
  return {
    state,
    expiresAt: notAfter === null ? null : new Date(notAfter).toISOString(),
    problem: problem?.message ?? null,
    hint: problem?.hint ?? null,
  };
}

export function presentRemoval({ domain, redirects }: RemovedDomain, nowMs: number): DomainRemoval {
  const untilMs = nowMs + DOMAIN_QUARANTINE_MS;
  const wasVerified = domain.verifiedAt !== null;
  return {
    name: domain.name,
    quarantinedUntil: wasVerified ? new Date(untilMs).toISOString() : null,
    redirects,
  };
}

function displayName(name: string): string {
  return (isWildcard(name) ? '*.' : '') + domainToUnicode(domainBase(name));
}
