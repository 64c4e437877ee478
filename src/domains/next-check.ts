import type { DomainReport, DomainState } from '../model/domain.ts';

/** The first look after one that found no proof; each further one waits twice as long. */
const FIRST_RETRY_MS = 60_000;
const LONGEST_RETRY_MS = 6 * 3600_000;
/** Then nobody seems to be at it: about a month. */
const MAX_RETRIES = 120;
/** Of verified domains: whether they still lead here. */
const RECHECK_MS = 7 * 24 * 3600_000;
/** While one does not. */
const TROUBLED_RECHECK_MS = 24 * 3600_000;

/** When DNS is to be asked again without anybody wanting it; null for never. */
export function nextCheck(
  state: DomainState,
  { pointing }: Pick<DomainReport, 'pointing'>,
  { failedChecks, nowMs }: { failedChecks: number; nowMs: number },
): Date | null {
  if (state === 'verified') {
    const isWell = pointing === 'here';
    return new Date(nowMs + (isWell ? RECHECK_MS : TROUBLED_RECHECK_MS));
  }
  if (failedChecks > MAX_RETRIES) return null;
  const delayMs = FIRST_RETRY_MS * 2 ** Math.min(failedChecks - 1, 20);
  return new Date(nowMs + Math.min(delayMs, LONGEST_RETRY_MS));
}
