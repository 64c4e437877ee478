import type { PublicAddress } from '../model/address.ts';
import { isWildcard, type DomainRecord, type DomainState } from '../model/domain.ts';
import { readDomainName } from '../model/domain-name.ts';
import type { Metric } from '../model/metric.ts';
import type { Warning } from '../model/warning.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { shellWord } from '../std/shell-word.ts';
import type { KeyedMutex } from '../std/mutex.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  findDomain,
  listDomains,
  removeDomain,
  saveDomain,
  type Domain,
  type DomainSettings,
  type RemovedDomain,
} from '../store/domains.ts';
import { listDomainsOfApps, listNamedDomains } from '../store/domains-of-apps.ts';
import { mapSlugs } from '../store/refs.ts';
import { chooseName } from './choose-name.ts';
import { claimProblem } from './describe-domain.ts';
import type { DomainChecks } from './domain-checks.ts';
import { domainMetrics } from './domain-metrics.ts';
import { createDomainStatuses, type DomainStatus } from './domain-statuses.ts';
import type { CertificatesPort, RoutesPort } from './ports.ts';
import { readWarnings } from './warnings.ts';

/** The domains of apps: whose they are, what they lead to, and what is still to be done for them. */
export interface Domains {
  list(app: App): Promise<DomainStatus[]>;
  /** The same of several apps, by app and name; null stands for all apps, and for the beginning. */
  listOfApps(
    filter: { appIds: string[] | null; state?: DomainState },
    page: { after: readonly [appName: string, name: string] | null; limit: number },
  ): Promise<AppDomainStatus[]>;
  /** @throws PlatformError not-found, bad-request */
  find(app: App, name: string): Promise<DomainStatus>;
  /**
   * Adds a domain, or gives one that the app has other settings, and looks at once whether it is proved.
   * @throws PlatformError bad-request, not-found, conflict
   */
  add(app: App, request: DomainRequest, by: { tokenId: string }): Promise<DomainStatus>;
  /** Asks DNS now, and has a certificate that failed tried again. @throws PlatformError not-found, bad-request, busy */
  verify(app: App, name: string): Promise<DomainStatus>;
  /** It answers no more when this resolves. @throws PlatformError not-found, bad-request */
  remove(app: App, name: string): Promise<RemovedDomain>;
  /** Of verified domains that do not lead here any more, and certificates that are not renewed. */
  warnings(): Promise<Warning[]>;
  /** For who watches the platform from outside. */
  metrics(): Promise<Metric[]>;
  /** Adds those of fn.json that the app has not, without asking DNS; none of them can fail a push. */
  declare(app: App, names: readonly string[]): Promise<DeclaredDomain[]>;
}

export interface AppDomainStatus {
  appName: string;
  status: DomainStatus;
}

export interface DomainRequest {
  name: string;
  /** Name of a branch or tag; production without one. */
  branch: string | null;
  redirectTo: string | null;
}

export type DeclaredDomain =
  | { kind: 'known'; name: string }
  | { kind: 'added'; name: string; records: DomainRecord[] }
  | { kind: 'refused'; name: string; reason: string; hint: string };

interface Deps {
  db: Database;
  checks: Pick<DomainChecks, 'check'>;
  routes: RoutesPort;
  certificates: CertificatesPort;
  address: PublicAddress;
  clock: Clock;
  /** One change of an app's domains at a time. */
  locks: KeyedMutex;
}

/** Of an app; more are a mistake, or somebody who collects names. */
const MAX_DOMAINS_PER_APP = 100;
/** Three figures each; those beyond, by name, have none. */
const MAX_MEASURED_DOMAINS = 10_000;
const TAKEN_HINT =
  'if the name is yours, take it from that app first (fn domains remove NAME --app THAT-APP), or ask the operator of the server to';

export function createDomains(deps: Deps): Domains {
  const { db, checks, address, clock, locks } = deps;
  const statuses = createDomainStatuses(deps);

  /** @throws PlatformError conflict for a name that the app cannot have now */
  async function refuseTaken(app: App, name: string): Promise<void> {
    const terms = await statuses.termsOf(app, name);
    const problem = claimProblem(terms);
    if (problem === null) return;
    const hint = terms.kind === 'taken' ? TAKEN_HINT : `then: fn domains add ${shellWord(name)}`;
    throw new PlatformError('conflict', `${name} cannot be added: ${problem}`, { hint });
  }

  async function save(app: App, settings: DomainSettings): Promise<Domain> {
    const now = new Date(clock.now());
    const saved = await saveDomain(db, app.id, { settings, limit: MAX_DOMAINS_PER_APP, now });
    if (saved !== null) return saved;
    throw new PlatformError('conflict', `${app.name} has ${MAX_DOMAINS_PER_APP} domains already`, {
      hint: 'remove one that is not used (fn domains list), or add a wildcard: fn domains add "*.example.com"',
    });
  }

  async function addNow(app: App, request: DomainRequest, tokenId: string): Promise<Domain> {
    const name = readName(request.name, address);
    refuseBoth(name, request);
    await refuseTaken(app, name);
    const targetRef = await findRef(app, request.branch);
    const redirectTo = await findRedirect(app, name, request.redirectTo);
    const saved = await save(app, { name, targetRef, redirectTo, createdBy: tokenId });
    if (saved.state === 'verified') {
      deps.certificates.lookAgain();
      await deps.routes.publish();
    }
    return saved;
  }

  /** @throws PlatformError not-found for a branch that was never pushed */
  async function findRef(app: App, branch: string | null): Promise<string | null> {
    if (branch === null) return null;
    const slugs = await mapSlugs(db, app.id);
    for (const ref of [`refs/heads/${branch}`, `refs/tags/${branch}`]) {
      if (ref === app.productionRef) return null;
      if (slugs.has(ref)) return ref;
    }
    throw new PlatformError(
      'not-found',
      `${app.name} has no branch or tag "${branch}" that is deployed`,
      {
        hint: `deploy it first: git push fn ${branch}`,
      },
    );
  }

  /** @throws PlatformError bad-request for what would lead nowhere, or round in circles */
  async function findRedirect(app: App, from: string, text: string | null): Promise<string | null> {
    if (text === null) return null;
    const name = readName(text, address);
    const own = await listDomains(db, app.id);
    const problem = redirectProblem(from, name, own);
    if (problem === null) return name;
    throw new PlatformError('bad-request', `${from} cannot redirect to ${name}: ${problem}`, {
      hint: `redirect to another domain of ${app.name} that does not redirect itself: fn domains list`,
    });
  }

  /** @throws PlatformError not-found */
  async function find(app: App, text: string): Promise<Domain> {
    const name = readWritten(text);
    const domain = await findDomain(db, app.id, name);
    if (domain === null) throw unknownDomain(app, name);
    return domain;
  }

  async function declareOne(app: App, text: string): Promise<DeclaredDomain> {
    const choice = chooseName(text, address);
    if (choice.kind === 'refused') return { ...choice, name: text };
    const { name } = choice;
    if ((await findDomain(db, app.id, name)) !== null) return { kind: 'known', name };
    try {
      await refuseTaken(app, name);
      const settings = { name, targetRef: null, redirectTo: null, createdBy: null };
      const { records } = await statuses.describe(app, await save(app, settings));
      return { kind: 'added', name, records };
    } catch (error) {
      if (!(error instanceof PlatformError) || error.code !== 'conflict') throw error;
      return { kind: 'refused', name, reason: error.message, hint: error.hint ?? '' };
    }
  }

  return {
    list: async (app) => statuses.describeAll(app, await listDomains(db, app.id)),
    async listOfApps(filter, page) {
      const byApp = Map.groupBy(
        await listDomainsOfApps(db, filter, page),
        ({ appName }) => appName,
      );
      const described = [...byApp].map(async ([name, own]) => {
        const all = await statuses.describeAll({ id: own[0]?.appId ?? '', name }, own);
        return all.map((status) => ({ appName: name, status }));
      });
      return (await Promise.all(described)).flat();
    },
    find: async (app, name) => statuses.describe(app, await find(app, name)),
    async add(app, request, { tokenId }) {
      const saved = await locks.run(app.id, () => addNow(app, request, tokenId));
      return statuses.describe(app, (await checks.check(app, saved.name)) ?? saved);
    },
    async verify(app, text) {
      const { name } = await find(app, text);
      const checked = await checks.check(app, name);
      if (checked === null) throw unknownDomain(app, name);
      if (checked.state === 'verified') await deps.certificates.retry(name);
      return statuses.describe(app, checked);
    },
    async remove(app, text) {
      const { name } = await find(app, text);
      const removed = await locks.run(app.id, () => {
        return removeDomain(db, { appId: app.id, name }, new Date(clock.now()));
      });
      if (removed === null) throw unknownDomain(app, name);
      deps.certificates.lookAgain();
      await deps.routes.publish();
      return removed;
    },
    warnings: () => readWarnings(deps),
    metrics: async () => domainMetrics(await listNamedDomains(db, MAX_MEASURED_DOMAINS)),
    declare: (app, names) =>
      locks.run(app.id, async () => {
        const declared: DeclaredDomain[] = [];
        for (const name of new Set(names)) declared.push(await declareOne(app, name));
        return declared;
      }),
  };
}

/** @throws PlatformError bad-request */
function readName(text: string, address: PublicAddress): string {
  const choice = chooseName(text, address);
  if (choice.kind === 'name') return choice.name;
  throw new PlatformError('bad-request', choice.reason, { hint: choice.hint });
}

/** One that the app has may have become a name that it could not add any more, and can still be looked at and removed. */
function readWritten(text: string): string {
  const reading = readDomainName(text);
  if (reading.kind === 'name') return reading.name;
  throw new PlatformError('bad-request', reading.reason, {
    hint: 'give the name as fn domains list shows it',
  });
}

/** @throws PlatformError bad-request */
function refuseBoth(name: string, { branch, redirectTo }: DomainRequest): void {
  if (branch === null || redirectTo === null) return;
  throw new PlatformError(
    'bad-request',
    `${name} cannot both serve ${branch} and send its visitors to ${redirectTo}`,
    { hint: 'give a branch or a domain to redirect to, not both' },
  );
}

function redirectProblem(from: string, to: string, own: readonly Domain[]): string | null {
  if (isWildcard(to)) return 'a wildcard is no one place';
  if (from === to) return 'they are the same';
  const target = own.find(({ name }) => name === to);
  if (target === undefined) return 'the app has no such domain';
  if (target.redirectTo !== null) return `it redirects to ${target.redirectTo}`;
  const other = own.find(({ redirectTo }) => redirectTo === from);
  return other === undefined ? null : `${other.name} redirects to ${from}`;
}

function unknownDomain(app: App, name: string): PlatformError {
  return new PlatformError('not-found', `${app.name} has no domain ${name}`, {
    hint: `fn domains list shows those that it has; to add it: fn domains add ${shellWord(name)}`,
  });
}
