/** What people are shown of a certificate, and what is a reason to alarm somebody. Pure. */
import type { CertificateRow } from '../store/certificates.ts';
import type { CertificateProblem } from './certificate-problem.ts';
import type { WantedCertificate } from './ports.ts';
import { isInLastThird, MAX_CLOCK_ERROR_MS } from './renewal-plan.ts';
import { dueAt, type Schedule, validityOf } from './schedule.ts';
import { isCoveredBy } from './wanted-names.ts';

export interface CertificateStatus {
  /** Null when there is none. */
  id: string | null;
  names: string[];
  appId: string | null;
  /**
   * `pending`: there is none yet, and nothing has failed. `failing`: there is none, or what there is has still more than a
   * third of its life. `at-risk`: it has less, and is not renewed. `expired`: it is over.
   */
  state: 'valid' | 'pending' | 'failing' | 'at-risk' | 'expired';
  /** Milliseconds since 1970; null when there is none. */
  notAfter: number | null;
  /** Milliseconds since 1970; 0: at once. */
  nextAttempt: number;
  /** Attempts in a row. */
  failures: number;
  problem: CertificateProblem | null;
}

/** The same on a server that may ask no authority, where nothing is attempted. */
export interface ShownStatus extends Omit<CertificateStatus, 'nextAttempt' | 'problem'> {
  nextAttempt: number | null;
  problem: Pick<CertificateProblem, 'message' | 'hint'> | null;
}

export function certificateStatus(
  { names, appId }: WantedCertificate,
  { current, schedule }: { current: CertificateRow | null; schedule: Schedule | null },
  now: number,
): CertificateStatus {
  const problem = schedule?.lastProblem ?? null;
  return {
    id: current?.id ?? null,
    names: [...names],
    appId,
    state: stateOf(current, problem !== null, now),
    notAfter: current?.notAfter.getTime() ?? null,
    nextAttempt: dueAt(schedule, current, now),
    failures: schedule?.failures ?? 0,
    problem,
  };
}

function stateOf(
  current: CertificateRow | null,
  hasProblem: boolean,
  now: number,
): CertificateStatus['state'] {
  if (current === null) return hasProblem ? 'failing' : 'pending';
  if (current.notAfter.getTime() <= now) return 'expired';
  if (!hasProblem) return 'valid';
  return isInLastThird(validityOf(current), now) ? 'at-risk' : 'failing';
}

/** Of a server that asks no authority: what nothing else covers waits for somebody. */
export function withoutAuthority(
  statuses: readonly CertificateStatus[],
  rows: readonly CertificateRow[],
): ShownStatus[] {
  const isCovered = (name: string): boolean => {
    return rows.some(({ names }) => names.some((covering) => isCoveredBy(name, covering)));
  };
  return statuses.flatMap((status): ShownStatus[] => {
    if (status.id !== null) return [{ ...status, nextAttempt: null }];
    const names = status.names.filter((name) => !isCovered(name));
    return names.length === 0
      ? []
      : [{ ...status, names, nextAttempt: null, problem: NO_AUTHORITY }];
  });
}

const NO_AUTHORITY = {
  message: 'this server asks no authority for it',
  hint: 'bring one: fn certificates add CHAIN --key KEY; or set ACME_DIRECTORY_URL',
};

/** Those that end, or have ended, unless somebody does something. */
export function atRisk(statuses: readonly CertificateStatus[]): CertificateStatus[] {
  return statuses.filter(({ state }) => state === 'at-risk' || state === 'expired');
}

/** One that is valid only from later on shows that this machine's clock is behind. */
export function isClockBehind(rows: readonly CertificateRow[], now: number): boolean {
  return rows.some(({ notBefore }) => notBefore.getTime() > now + MAX_CLOCK_ERROR_MS);
}
