/** Longer than an authority's slowest limit; who says more is taken at this word, and asked again then. */
const MAX_WAIT_MS = 365 * 24 * 60 * 60_000;

/**
 * When Retry-After (RFC 9110 section 10.2.3: seconds or a date) allows the next try, in milliseconds since 1970; null where
 * it says nothing that can be used. Never before `now`, and never so late that it would be for ever.
 */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  const text = header?.trim() ?? '';
  const at = /^\d+$/.test(text) ? now + Number(text) * 1_000 : parseDate(text);
  return Number.isNaN(at) ? null : Math.min(Math.max(at, now), now + MAX_WAIT_MS);
}

/** An HTTP date begins with the day of the week; Date.parse alone would take "7 apples" for a day in July. */
function parseDate(text: string): number {
  return /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? /.test(text) ? Date.parse(text) : Number.NaN;
}
