import type { Audit, AuditEvent } from '../audit/index.ts';
import type { PublicAddress } from '../model/address.ts';
import { claimTerms } from '../model/domain.ts';
import { PlatformError } from '../protocol/errors.ts';
import type { Clock } from '../std/clock.ts';
import { forEachBounded } from '../std/for-each-bounded.ts';
import { shellWord } from '../std/shell-word.ts';
import { createTurns } from '../std/turns.ts';
import type { App } from '../store/apps.ts';
import type { Database } from '../store/database.ts';
import {
  findDomain,
  listDueDomains,
  listOtherClaims,
  recordCheck,
  type Domain,
} from '../store/domains.ts';
import { createDomainLook } from './look-at-domain.ts';
import { nextCheck } from './next-check.ts';
import type { CertificatesPort, DomainLookup, NameServersPort, RoutesPort } from './ports.ts';

/** Asks DNS for the proof of domains, and whether they lead here. */
export interface DomainChecks {
  /**
   * Looks now; what is proved is served when this resolves. Null when the domain was removed meanwhile.
   * @throws PlatformError busy
   */
  check(app: Pick<App, 'id' | 'name'>, name: string): Promise<Domain | null>;
  /** Looks at each domain when its time has come; stops when the signal aborts. */
  start(signal: AbortSignal): void;
}

interface Deps {
  db: Database;
  dns: DomainLookup;
  nameServers: NameServersPort;
  clock: Clock;
  address: PublicAddress;
  routes: RoutesPort;
  certificates: CertificatesPort;
  audit: Pick<Audit, 'run'>;
  onError: (error: unknown) => void;
}

const ROUND_MS = 30_000;
const DOMAINS_PER_ROUND = 100;
const CHECKS_AT_ONCE = 4;
/** What people wait for, beside the rounds. */
const ASKED_AT_ONCE = 8;
const ASKED_WAITING_PER_APP = 4;

export function createDomainChecks(deps: Deps): DomainChecks {
  const { db, clock, address } = deps;
  const look = createDomainLook(deps);
  const turns = createTurns({ atOnce: ASKED_AT_ONCE, waiting: ASKED_WAITING_PER_APP });

  async function checkNow(app: Pick<App, 'id' | 'name'>, name: string): Promise<Domain | null> {
    const before = await findDomain(db, app.id, name);
    if (before === null) return null;
    const { baseDomain } = address;
    const ask = async () => claimTerms(name, await listOtherClaims(db, app.id, name), clock.now());
    const terms = await ask();
    const seen = await look({ name, appId: app.id, appName: app.name, baseDomain, terms });
    // DNS may take its time: what another app has come to have, or to have had, meanwhile counts.
    const isSettled = (await ask()).kind === terms.kind;
    const report = isSettled ? seen : { ...seen, proof: null };
    const nowMs = clock.now();
    const state = report.proof === null ? before.state : 'verified';
    const isWell = state === 'verified' && report.pointing === 'here';
    const failedChecks = isWell ? 0 : before.failedChecks + 1;
    const nextCheckAt = nextCheck(state, report, { failedChecks, nowMs });
    const checked = { report, checkedAt: new Date(nowMs), nextCheckAt, failedChecks };
    const record = () => recordCheck(db, before, checked);
    const isProof = before.state === 'pending' && report.proof !== null;
    const after = isProof
      ? await deps.audit.run(verificationOf(app, name, report.proof), record)
      : await record();
    if (after === null) {
      // It was removed in between, or another app was verified by its own proof; then this one waits on.
      const unproved = { ...checked, report: { ...report, proof: null } };
      return recordCheck(db, before, unproved);
    }
    if (before.state === 'pending' && after.state === 'verified') {
      deps.certificates.lookAgain();
      await deps.routes.publish();
    }
    return after;
  }

  async function round(signal: AbortSignal): Promise<void> {
    const due = await listDueDomains(db, new Date(clock.now()), DOMAINS_PER_ROUND);
    await forEachBounded(due, CHECKS_AT_ONCE, async ({ appId, appName, name }) => {
      if (signal.aborted) return;
      await checkNow({ id: appId, name: appName }, name).catch(deps.onError);
    });
  }

  return {
    async check(app, name) {
      const turn = await turns.take(app.id, () => checkNow(app, name));
      if (turn !== null) return turn.done;
      throw new PlatformError('busy', 'DNS is being asked for other domains of this app', {
        hint: `try again in a moment: fn domains verify ${shellWord(name)}`,
      });
    },
    start(signal) {
      let cancel = (): void => {};
      signal.addEventListener('abort', () => cancel(), { once: true });
      const next = async (): Promise<void> => {
        await round(signal).catch((error: unknown) => {
          if (!signal.aborted) deps.onError(error);
        });
        if (!signal.aborted) cancel = clock.after(ROUND_MS, () => void next());
      };
      void next();
    },
  };
}

/** What the platform finds out, whoever had it look. */
function verificationOf(
  { id, name: appName }: Pick<App, 'id' | 'name'>,
  name: string,
  proof: string | null,
): AuditEvent {
  return {
    actor: { kind: 'platform' },
    action: 'proveDomain',
    app: { id, name: appName },
    target: name,
    from: null,
    requestId: null,
    before: { state: 'pending' },
    after: { state: 'verified', proof },
  };
}
