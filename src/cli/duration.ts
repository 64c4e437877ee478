import { InvalidArgumentError } from 'commander';

const UNIT_MS = { '': 1_000, s: 1_000, m: 60_000, h: 3_600_000 } as const;
const MAX_MS = 24 * 3_600_000;

/** Milliseconds of `30s`, `5m`, `1h`, or of a number of seconds. For commander. */
export function readDuration(text: string): number {
  const [, digits, unit] = /^(\d{1,6})([smh]?)$/.exec(text) ?? [];
  const ms = Number(digits) * UNIT_MS[(unit ?? '') as keyof typeof UNIT_MS];
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new InvalidArgumentError('It is a time such as 30s, 5m or 1h, of 24 h at most.');
}
