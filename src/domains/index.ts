/**
 * Host names of people's own for their apps: who may have which, what proves it in DNS, and what is amiss with them. It
 * sets no record and orders no certificate, and serves nothing: what is verified becomes part of the route snapshot, and
 * a reason for the certificates to look again. Who may have a name is decided in model/domain.ts. Read next: domains.ts,
 * then domain-checks.ts and judge-answers.ts.
 */
export { createDomainChecks } from './domain-checks.ts';
export { createDomains } from './domains.ts';
export type { AppDomainStatus, DeclaredDomain, DomainRequest, Domains } from './domains.ts';
export type { DomainStatus } from './domain-statuses.ts';
export type { CertificatesPort, DomainLookup, NameServersPort } from './ports.ts';
