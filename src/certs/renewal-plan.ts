/**
 * When a certificate is renewed, and when it is a reason to alarm somebody. All times are milliseconds since 1970.
 */
export interface Validity {
  notBefore: number;
  notAfter: number;
}

/** Two thirds of any lifetime, of a minute as of a year: the last third is what an authority may be away for. */
const RENEW_AFTER = 2 / 3;

/**
 * When it is due: after two thirds of its life, or before that when its authority wants it (`renewAt`, RFC 9773). An
 * authority can hasten it, never put it off.
 */
export function renewalTime(validity: Validity, renewAt: number | null): number {
  const { notBefore, notAfter } = validity;
  const ours = notBefore + (notAfter - notBefore) * RENEW_AFTER;
  return renewAt === null ? ours : Math.min(ours, renewAt);
}

/** Less than a third of its life is left. */
export function isInLastThird(validity: Validity, now: number): boolean {
  return now >= renewalTime(validity, null);
}

/** A moment in the window that an authority suggests; `random` from 0 up to 1 (RFC 9773 section 4.2). */
export function momentIn(window: { start: number; end: number }, random: number): number {
  return Math.round(window.start + (window.end - window.start) * random);
}

/** A clock that is wrong by more makes certificates look new or expired that are not. */
export const MAX_CLOCK_ERROR_MS = 60 * 60_000;

/** What an authority says the time is (its Date header) against our own clock, when they are too far apart to go on. */
export function clockError(authorityTime: number, now: number): number | null {
  const errorMs = now - authorityTime;
  return Math.abs(errorMs) > MAX_CLOCK_ERROR_MS ? errorMs : null;
}
