/** One try to have a certificate, from the choice of an authority to the certificate in the database. */
import { isIP } from 'node:net';
import type { Clock } from '../../std/clock.ts';
import { type CertificateRow, listCertificates } from '../../store/certificates.ts';
import {
  beginOrder,
  endOrder,
  ensureSchedule,
  findSchedule,
  saveOrderUrl,
  saveOutcome,
} from '../../store/certificate-schedule.ts';
import type { Database } from '../../store/database.ts';
import { type Accounts, newKey, type OpenAuthority } from './accounts.ts';
import type { Budget } from '../budget-keeper.ts';
import { CaProblem } from './ca-problem.ts';
import {
  AttemptFailure,
  type CertificateProblem,
  codeOf,
  problemOf,
  wasJudged,
} from '../certificate-problem.ts';
import type { ChallengeAnswers } from '../challenges/challenge-answers.ts';
import { checkChain } from '../uploads/check-chain.ts';
import { possibleChallenges } from '../challenges/choose-challenge.ts';
import { chooseDirectory } from './choose-directory.ts';
import { runOrder } from './order.ts';
import { makeCsr, orderRequest } from './order-request.ts';
import type {
  AcmeDirectorySetting,
  ChallengeKind,
  KeyBoxPort,
  PreCheck,
  WantedCertificate,
} from '../ports.ts';
import { saveCertificate } from './save-certificate.ts';
import { afterFailure, currentCertificate, dueAt, type Schedule } from '../schedule.ts';

export interface AttemptDeps {
  db: Database;
  clock: Clock;
  random: () => number;
  keyBox: KeyBoxPort;
  accounts: Accounts;
  answers: ChallengeAnswers;
  budget: Budget;
  preCheck: PreCheck | null;
  hasDnsProvider: boolean;
  /** The provider has the zones of this domain. */
  baseDomain: string;
}

export type AttemptResult =
  | { kind: 'issued'; row: CertificateRow }
  /** It was not due any more, or an authority has asked for patience. */
  | { kind: 'not-now' }
  | { kind: 'failed'; problem: CertificateProblem };

/** Of everything together; each part has a shorter limit of its own. */
const MAX_ATTEMPT_MS = 15 * 60_000;

/** The caller has the lock of the name: nobody else orders for it. */
export async function attemptOrder(
  deps: AttemptDeps,
  wanted: WantedCertificate,
  { directories, signal }: { directories: readonly AcmeDirectorySetting[]; signal: AbortSignal },
): Promise<AttemptResult> {
  const { db, clock } = deps;
  const [name = ''] = wanted.names;
  await ensureSchedule(db, { name, names: wanted.names, appId: wanted.appId });
  const schedule = await findSchedule<CertificateProblem>(db, name);
  const current = currentCertificate(await listCertificates(db, name), wanted);
  if (schedule === null || dueAt(schedule, current, clock.now()) > clock.now())
    return { kind: 'not-now' };
  const state = { failures: schedule.caFailures, waits: schedule.waits };
  const choice = chooseDirectory(directories, state, clock.now());
  if (choice.kind === 'wait') {
    await saveOutcome(db, { ...schedule, notBefore: new Date(choice.until) });
    return { kind: 'not-now' };
  }
  const { directory } = choice;
  const limited = AbortSignal.any([signal, AbortSignal.timeout(MAX_ATTEMPT_MS)]);
  try {
    const row = await order(deps, { wanted, schedule, current, directory, signal: limited });
    return { kind: 'issued', row };
  } catch (error) {
    // It was told to stop: the order stays as it is, for the next start.
    if (signal.aborted) throw error;
    return { kind: 'failed', problem: await recordFailure(deps, schedule, directory.url, error) };
  } finally {
    await deps.answers.withdraw(name);
  }
}

interface Situation {
  wanted: WantedCertificate;
  schedule: Schedule;
  current: CertificateRow | null;
  directory: AcmeDirectorySetting;
  signal: AbortSignal;
}

async function order(deps: AttemptDeps, situation: Situation): Promise<CertificateRow> {
  const { wanted, schedule, current, directory, signal } = situation;
  const { name } = schedule;
  const opened = await openAuthority(deps, directory.url, signal);
  const kinds = challengeKinds(deps, situation);
  const { caaNames } = opened.meta;
  await preCheck(deps, situation, { caaNames, accountUrl: opened.accountUrl });
  if (directory.stagingUrl !== null && isWorthRehearsing(schedule)) {
    await rehearse(deps, situation, { kinds, directory: directory.stagingUrl }).catch(goOnIfAway);
  }
  const isUnderWay = schedule.directory === directory.url && schedule.sealedKey !== null;
  const key = isUnderWay
    ? openKey(deps, schedule)
    : await beginWithNewKey(deps, name, directory.url);
  let isOrdered = false;
  const issue = async (): Promise<string> =>
    runOrder(
      {
        authority: opened.authority,
        clock: deps.clock,
        signal,
        answer: (tasks) => deps.answers.show(name, tasks, signal),
        onOrdered: async (url) => {
          await saveOrderUrl(deps.db, name, url);
          isOrdered = true;
        },
      },
      {
        request: await orderRequest(wanted, opened, replacedBy(situation)),
        orderUrl: isUnderWay ? schedule.orderUrl : null,
        csr: await makeCsr(wanted.names, key),
        kinds,
      },
    );
  // Renewals are not counted (Let's Encrypt does not, either), nor is an order that was counted when it was made.
  const isCounted = current === null && schedule.orderUrl === null;
  const goesOn = (error: unknown): boolean => isOrdered && !wasJudged(codeOf(error));
  const text = isCounted
    ? await deps.budget.spend({ directory: directory.url, names: wanted.names }, issue, goesOn)
    : await issue();
  const chain = await refusedAtOnce(deps, name, () =>
    checkChain(text, { key, names: wanted.names, now: deps.clock.now() }),
  );
  return saveCertificate(deps, { wanted, directory: directory.url }, { key, chain });
}

/** What the new certificate takes the place of: of this authority, and not said again once it was refused. */
function replacedBy({ current, directory, schedule }: Situation): CertificateRow | null {
  return current?.directory === directory.url && schedule.failures === 0 ? current : null;
}

async function openAuthority(
  deps: AttemptDeps,
  directory: string,
  signal: AbortSignal,
): Promise<OpenAuthority> {
  const opened = await deps.accounts.open(directory, signal);
  const { clockErrorMs } = opened.meta;
  if (clockErrorMs === null) return opened;
  const hours = Math.round(Math.abs(clockErrorMs) / 3_600_000);
  const side = clockErrorMs > 0 ? 'ahead of' : 'behind';
  throw new AttemptFailure(
    'clock-wrong',
    `this machine's clock is ${hours} hours ${side} that of ${directory}`,
    { hint: 'set the clock; nothing is ordered or renewed before: timedatectl set-ntp true' },
  );
}

/** Those that do for every name: an order is proven in one way where that can be. */
function challengeKinds(deps: AttemptDeps, situation: Situation): ChallengeKind[] {
  const { names } = situation.wanted;
  const kinds = names.map((name) => kindsFor(deps, situation, name));
  const unprovable = names.find((_, index) => kinds[index]?.length === 0);
  if (unprovable !== undefined) {
    throw new AttemptFailure('no-challenge', `${unprovable} can only be proven by DNS`, {
      hint: 'set FN_DNS_PROVIDER; docs/configuration.md says how',
    });
  }
  return [...new Set(kinds.flat())];
}

function kindsFor(
  { hasDnsProvider, baseDomain }: AttemptDeps,
  { schedule: { failures } }: Situation,
  name: string,
): ChallengeKind[] {
  const isOwn = name === baseDomain || name.endsWith(`.${baseDomain}`);
  return possibleChallenges(name, { hasDnsProvider, isOwn, failures });
}

/** An address is left to the authority: there is nothing in DNS that could be wrong, and no host to answer for. */
async function preCheck(
  deps: AttemptDeps,
  situation: Situation,
  authority: { caaNames: string[]; accountUrl: string },
): Promise<void> {
  const { wanted, signal } = situation;
  if (deps.preCheck === null || isIP(wanted.names[0] ?? '') !== 0) return;
  const planned = wanted.names.flatMap((name) => {
    const [challenge] = kindsFor(deps, situation, name);
    return challenge === undefined ? [] : [{ name, challenge }];
  });
  const finding = await deps.preCheck.check(planned, authority, signal);
  if (finding !== null) throw new AttemptFailure(finding.code, finding.message, finding);
}

function isWorthRehearsing({ lastProblem, orderUrl }: Schedule): boolean {
  return lastProblem !== null && wasJudged(lastProblem.code) && orderUrl === null;
}

/** The whole order at the staging directory, whose certificate is thrown away. @throws what it fails by */
async function rehearse(
  deps: AttemptDeps,
  { wanted, schedule, signal }: Situation,
  { kinds, directory }: { kinds: readonly ChallengeKind[]; directory: string },
): Promise<void> {
  const opened = await deps.accounts.open(directory, signal);
  await runOrder(
    {
      authority: opened.authority,
      clock: deps.clock,
      signal,
      answer: (tasks) => deps.answers.show(schedule.name, tasks, signal),
      onOrdered: async () => {},
    },
    {
      request: await orderRequest(wanted, opened, null),
      orderUrl: null,
      csr: await makeCsr(wanted.names, newKey()),
      kinds,
    },
  );
  await deps.answers.withdraw(schedule.name);
}

/** A staging directory that is away says nothing of the order. */
function goOnIfAway(error: unknown): void {
  const isAway = error instanceof CaProblem && error.kind !== 'refused';
  if (!isAway) throw error;
}

async function beginWithNewKey(
  { db, keyBox }: AttemptDeps,
  name: string,
  directory: string,
): Promise<string> {
  const key = newKey();
  await keyBox.seal({ place: 'order', id: name }, key, (sealed) =>
    beginOrder(db, { name, directory, ...sealed }),
  );
  return key;
}

function openKey({ keyBox }: AttemptDeps, { name, masterKeyId, sealedKey }: Schedule): string {
  if (masterKeyId === null || sealedKey === null) throw new Error('an order has its key');
  return keyBox.open({ place: 'order', id: name }, { masterKeyId, sealedKey });
}

/** What came is not asked for again: the next attempt makes another order. */
async function refusedAtOnce<T>({ db }: AttemptDeps, name: string, check: () => T): Promise<T> {
  try {
    return check();
  } catch (error) {
    await endOrder(db, name);
    throw error;
  }
}

async function recordFailure(
  deps: AttemptDeps,
  schedule: Schedule,
  directory: string,
  error: unknown,
): Promise<CertificateProblem> {
  const { db, accounts, clock } = deps;
  const problem = problemOf(error, { directory, now: clock.now() });
  const retryAt =
    error instanceof CaProblem || error instanceof AttemptFailure ? error.retryAt : null;
  if (error instanceof CaProblem && error.type === 'accountDoesNotExist') {
    await accounts.forget(directory);
  }
  // What was judged is over; what was not heard goes on from where it was.
  if (wasJudged(problem.code)) await endOrder(db, schedule.name);
  const outcome = afterFailure(schedule, problem, { retryAt, random: deps.random() });
  await saveOutcome(db, { ...outcome, name: schedule.name });
  return problem;
}
