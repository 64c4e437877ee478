import { InvalidArgumentError, Option } from 'commander';

const UNIT_SECONDS: Record<string, number> = { m: 60, h: 3600, d: 86_400 };

export function roleOption(): Option {
  return new Option(
    '--role <role>',
    'what it may do; each role includes those before it (default: deployer)',
  ).choices(['viewer', 'deployer', 'admin']);
}

/** Seconds of `90d`. @throws InvalidArgumentError */
export function readDuration(text: string): number {
  const [, count, unit] = /^([1-9]\d{0,4})([mhd])$/.exec(text) ?? [];
  if (count === undefined || unit === undefined) {
    throw new InvalidArgumentError('It is a number and m, h or d, as in 90d.');
  }
  return Number(count) * (UNIT_SECONDS[unit] ?? 0);
}
