/** When an authority wants a certificate renewed (RFC 9773). What it says is asked for ahead of time, and kept. */
import type { Clock } from '../../std/clock.ts';
import type { CertificateRow } from '../../store/certificates.ts';
import { saveRenewalInfo } from '../../store/certificate-schedule.ts';
import type { Database } from '../../store/database.ts';
import type { Accounts } from './accounts.ts';
import { certificateId } from '../certificate-id.ts';
import { momentIn } from '../renewal-plan.ts';
import type { Schedule } from '../schedule.ts';

interface Deps {
  db: Database;
  clock: Clock;
  random: () => number;
  accounts: Accounts;
}

/** Section 4.3.2 wants some hours; an authority that revokes many says less by Retry-After. */
const CHECK_MS = 6 * 60 * 60_000;
const MIN_CHECK_MS = 60_000;
const MAX_CHECK_MS = 24 * 60 * 60_000;

/** When it is to be asked, in milliseconds since 1970; null for one that no authority says anything of. */
export function renewalInfoDueAt(schedule: Schedule, current: CertificateRow): number | null {
  if (current.directory === null) return null;
  return schedule.renewAtOf === current.id ? (schedule.renewCheckAt?.getTime() ?? 0) : 0;
}

/** Never throws for what the authority does: it is asked again, and meanwhile the certificate's own plan holds. */
export async function askRenewalInfo(
  { db, clock, random, accounts }: Deps,
  { schedule, current }: { schedule: Schedule; current: CertificateRow },
  signal: AbortSignal,
): Promise<void> {
  const { name } = schedule;
  const isKnown = schedule.renewAtOf === current.id;
  const former = isKnown ? schedule.renewAt : null;
  const save = (renewAt: Date | null, checkInMs: number): Promise<void> => {
    const renewCheckAt = new Date(clock.now() + checkInMs);
    return saveRenewalInfo(db, { name, renewAt, renewAtOf: current.id, renewCheckAt });
  };
  try {
    const { authority, meta } = await accounts.open(current.directory ?? '', signal);
    const id = await certificateId(current.chain);
    if (meta.renewalInfo === null || id === null) return await save(null, MAX_CHECK_MS);
    const window = readWindow(await authority.getJson(`${meta.renewalInfo}/${id}`));
    const askedMs = authority.retryAt === null ? CHECK_MS : authority.retryAt - clock.now();
    // The moment is chosen once for a window, or it would come nearer with each look.
    const isSame = former !== null && window !== null && isWithin(window, former.getTime());
    const chosen = window === null ? null : new Date(momentIn(window, random()));
    await save(isSame ? former : chosen, Math.min(Math.max(askedMs, MIN_CHECK_MS), MAX_CHECK_MS));
  } catch (error) {
    if (signal.aborted) throw error;
    await save(former, CHECK_MS);
  }
}

interface RenewalWindow {
  start: number;
  end: number;
}

/** Null where it makes no sense (section 4.2: such an answer is to be ignored). */
function readWindow(answer: unknown): RenewalWindow | null {
  const { suggestedWindow } = (answer ?? {}) as { suggestedWindow?: Record<string, unknown> };
  const start = Date.parse(String(suggestedWindow?.['start']));
  const end = Date.parse(String(suggestedWindow?.['end']));
  return start < end ? { start, end } : null;
}

function isWithin({ start, end }: RenewalWindow, at: number): boolean {
  return start <= at && at <= end;
}
