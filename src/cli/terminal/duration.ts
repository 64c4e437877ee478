import { InvalidArgumentError } from 'commander';

const UNIT_SECONDS = { '': 1, s: 1, m: 60, h: 3_600, d: 86_400 } as const;
export const DAY_S = UNIT_SECONDS.d;

/** What commander reads an option by whose value is seconds: `30s`, `5m`, `12h`, `90d`, or a number of seconds. */
export function durationUpTo(maxSeconds: number): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d{1,9})([smhd]?)$/.exec(text) ?? [];
    const seconds = Number(digits) * UNIT_SECONDS[(unit ?? '') as keyof typeof UNIT_SECONDS];
    if (seconds > 0 && seconds <= maxSeconds) return seconds;
    const most = maxSeconds / DAY_S;
    throw new InvalidArgumentError(
      `It is a time such as 30s, 5m, 12h or 90d, of ${most} ${most === 1 ? 'day' : 'days'} at most.`,
    );
  };
}
