import { PlatformError } from '../../protocol/errors.ts';

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const AGO = /^(\d{1,6})(s|m|h|d)$/;
const ISO = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?$/;

/** A time as ISO 8601, or as how long ago. @throws PlatformError bad-request */
export function readLogTime(text: string, nowMs: number): Date {
  const [, count, unit = ''] = AGO.exec(text) ?? [];
  const unitMs = UNITS_MS[unit];
  if (unitMs !== undefined) return new Date(nowMs - Number(count) * unitMs);
  const zone = ISO.exec(text)?.[4];
  const time = ISO.test(text) ? new Date(text.includes('T') && !zone ? `${text}Z` : text) : null;
  if (time !== null && !Number.isNaN(time.getTime())) return time;
  throw new PlatformError('bad-request', `"${text}" is no time`, {
    hint: 'write how long ago, as 90s, 10m, 2h or 7d, or a time as 2026-01-31T12:00:00Z',
  });
}
