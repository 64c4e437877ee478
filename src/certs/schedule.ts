/** When a certificate is looked at again, and how a failure moves that. Pure: clock and chance are passed in. */
import type { CertificateRow } from '../store/certificates.ts';
import type { ScheduleRow } from '../store/certificate-schedule.ts';
import { backoffMs } from './backoff.ts';
import { type CertificateProblem, isOfAuthority } from './certificate-problem.ts';
import type { WantedCertificate } from './ports.ts';
import { MAX_CLOCK_ERROR_MS, renewalTime, type Validity } from './renewal-plan.ts';

export type Schedule = ScheduleRow<CertificateProblem>;

/** The newest that was ordered and has all the names; null when there is none. */
export function currentCertificate(
  rows: readonly CertificateRow[],
  { names }: Pick<WantedCertificate, 'names'>,
): CertificateRow | null {
  const fitting = rows.filter(
    (row) => row.source === 'acme' && names.every((name) => row.names.includes(name)),
  );
  const [newest] = fitting.sort((a, b) => b.notAfter.getTime() - a.notAfter.getTime());
  return newest ?? null;
}

/** When an order is due, in milliseconds since 1970; 0: at once. */
export function dueAt(
  schedule: Pick<Schedule, 'notBefore' | 'renewAt' | 'renewAtOf' | 'lastProblem'> | null,
  current: CertificateRow | null,
  now: number,
): number {
  // Noted while the clock was ahead, it would hold for as long as that was.
  const isFromFuture = (schedule?.lastProblem?.at ?? 0) > now + MAX_CLOCK_ERROR_MS;
  const earliest = isFromFuture ? 0 : (schedule?.notBefore?.getTime() ?? 0);
  // After a success the rest is that certificate's: names that were added since need not wait.
  if (current === null) return schedule?.lastProblem == null ? 0 : earliest;
  const isOfCurrent = schedule?.renewAtOf === current.id;
  const renewAt = isOfCurrent ? (schedule?.renewAt?.getTime() ?? null) : null;
  return Math.max(earliest, renewalTime(validityOf(current), renewAt));
}

export function validityOf({ notBefore, notAfter }: CertificateRow): Validity {
  return { notBefore: notBefore.getTime(), notAfter: notAfter.getTime() };
}

type Outcome = Pick<Schedule, 'failures' | 'caFailures' | 'notBefore' | 'lastProblem' | 'waits'>;

export const SUCCEEDED: Outcome = {
  failures: 0,
  caFailures: 0,
  notBefore: null,
  lastProblem: null,
  waits: {},
};

const MIN_REST_MS = 15_000;
const MAX_REST_MS = 24 * 60 * 60_000;
/** Of a lifetime: much less than what is left when it is renewed by the plan. */
const REST_SHARE = 1 / 6;

/**
 * After a success there is a rest, whatever the new certificate or its authority says: one that is over at once, or that
 * is to be renewed at once, would be ordered without end, and no failure would slow it down.
 */
export function afterSuccess({ notBefore, notAfter }: Validity, now: number): Outcome {
  const share = (notAfter - notBefore) * REST_SHARE;
  const rest = Math.min(Math.max(share, MIN_REST_MS), MAX_REST_MS);
  return { ...SUCCEEDED, notBefore: new Date(now + rest) };
}

/** After a failed attempt. `retryAt`: what was asked for, by whoever has failed it. */
export function afterFailure(
  schedule: Outcome,
  problem: CertificateProblem,
  { retryAt, random }: { retryAt: number | null; random: number },
): Outcome {
  const now = problem.at;
  const waits = futureWaits(schedule.waits, now);
  const isAuthority = isOfAuthority(problem.code);
  if (isAuthority && retryAt !== null && problem.directory !== null) {
    waits[problem.directory] = retryAt;
  }
  const failures = schedule.failures + 1;
  // Who has asked for patience is passed over for so long; the others are asked by the ordinary plan.
  const next = Math.max(now + backoffMs(failures, random), isAuthority ? 0 : (retryAt ?? 0));
  return {
    failures,
    caFailures: schedule.caFailures + (isAuthority ? 1 : 0),
    notBefore: new Date(next),
    lastProblem: problem,
    waits,
  };
}

function futureWaits(waits: Record<string, number>, now: number): Record<string, number> {
  return Object.fromEntries(Object.entries(waits).filter(([, until]) => until > now));
}
