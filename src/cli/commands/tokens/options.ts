import { Option } from 'commander';
import { DAY_S, durationUpTo } from '../../terminal/duration.ts';

/** Of a token's life. */
export const readLifetime = durationUpTo(10 * 365 * DAY_S);

export function roleOption(): Option {
  return new Option(
    '--role <role>',
    'what it may do; each role includes those before it (default: deployer)',
  ).choices(['viewer', 'deployer', 'admin']);
}
