/** How it is with the domains of an app, from the database, what DNS said last, and the certificates. */
import { productionHost, refHost, type PublicAddress } from '../model/address.ts';
import { claimTerms, type ClaimTerms, type DomainRecord } from '../model/domain.ts';
import { shortRefName } from '../model/slug.ts';
import { assert } from '../std/assert.ts';
import type { Clock } from '../std/clock.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import { findDomain, listOtherClaims, type Domain } from '../store/domains.ts';
import { mapSlugs } from '../store/refs.ts';
import { describeFinding, problemOf, recordsOf, type DescribedFinding } from './describe-domain.ts';
import type { CertificatesPort, CertificateState } from './ports.ts';
import { isApex } from './public-suffix.ts';

export interface DomainStatus {
  domain: Domain;
  /** Branch or tag, without `refs/heads/`; null for production. */
  branch: string | null;
  /** What to create in DNS. */
  records: DomainRecord[];
  findings: DescribedFinding[];
  /** What keeps it from being verified, or reached; null when nothing does. */
  problem: string | null;
  /** Null where there is to be none: without HTTPS, and before it is verified. */
  certificate: CertificateState | null;
}

interface Deps {
  db: Database;
  certificates: Pick<CertificatesPort, 'status'>;
  address: PublicAddress;
  clock: Pick<Clock, 'now'>;
}

export interface DomainStatuses {
  /** What it takes that this app has the name. */
  termsOf(app: Pick<App, 'id'>, name: string): Promise<ClaimTerms>;
  describe(app: App, domain: Domain): Promise<DomainStatus>;
  describeAll(app: NamedApp, domains: readonly Domain[]): Promise<DomainStatus[]>;
}

type NamedApp = Pick<App, 'id' | 'name'>;

export function createDomainStatuses(deps: Deps): DomainStatuses {
  const { db, address, clock } = deps;

  async function termsOf(app: Pick<App, 'id'>, name: string): Promise<ClaimTerms> {
    return claimTerms(name, await listOtherClaims(db, app.id, name), clock.now());
  }

  async function describeAll(app: NamedApp, domains: readonly Domain[]): Promise<DomainStatus[]> {
    const slugs = await mapSlugs(db, app.id);
    const certificates = await certificatesOf(domains);
    return Promise.all(
      domains.map(async (domain) => {
        const certificate = certificates.find(({ names }) => names.includes(domain.name)) ?? null;
        const status = await describeRecords(app, domain, slugs);
        const problem = status.problem ?? (await redirectDelay(domain, certificates));
        return { ...status, problem, certificate };
      }),
    );
  }

  async function certificatesOf(domains: readonly Domain[]): Promise<CertificateState[]> {
    const hasVerified = domains.some(({ state }) => state === 'verified');
    return hasVerified ? deps.certificates.status() : [];
  }

  async function describe(app: App, domain: Domain): Promise<DomainStatus> {
    const [status] = await describeAll(app, [domain]);
    assert(status !== undefined, 'each domain has a status');
    return status;
  }

  async function describeRecords(
    app: NamedApp,
    domain: Domain,
    slugs: ReadonlyMap<string, string>,
  ): Promise<Omit<DomainStatus, 'certificate'>> {
    const terms = await termsOf(app, domain.name);
    const slug = slugs.get(domain.targetRef ?? '');
    const host =
      slug === undefined ? productionHost(address, app.name) : refHost(address, app.name, slug);
    const { targetRef, name, report } = domain;
    return {
      domain,
      branch: targetRef === null ? null : shortRefName(targetRef),
      records: recordsOf(domain, { host, terms, isApex: isApex(name) }),
      findings: (report?.findings ?? []).map((finding) => describeFinding(finding, terms)),
      problem: problemOf(domain, terms),
    };
  }

  /** Why a verified domain does not redirect yet; null where it does, or shall not. */
  async function redirectDelay(
    { appId, redirectTo }: Domain,
    certificates: readonly CertificateState[],
  ): Promise<string | null> {
    const target = redirectTo === null ? null : await findDomain(db, appId, redirectTo);
    if (target === null) return null;
    const certificate = certificates.find(({ names }) => names.includes(target.name));
    const isWithout = certificate !== undefined && certificate.notAfter === null;
    if (target.state === 'verified' && !isWithout) return null;
    const lack = target.state === 'verified' ? 'has no certificate yet' : 'is not verified yet';
    return `${target.name} ${lack}: until then this serves the app itself`;
  }

  return { termsOf, describe, describeAll };
}
