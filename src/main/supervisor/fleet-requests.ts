/** What data processes tell one another is data until it was looked at, as all that they ask of the supervisor. */
import type { FleetRequest } from '../../protocol/fleet.ts';
import { isAppName, isNatural, matches } from './supervisor-requests.ts';

/** A deployment, and a name as protocol/builder.ts has it. */
const FUNCTION_KEY = /^dep-[a-z2-7]{12}\/[a-z][a-z0-9-]{0,39}$/;
const MAX_FAILURES = 1_000_000;
/** Longer than any back-off. */
const MAX_BACK_OFF_MS = 60_000;

/** The request, or null when it is not one that a correct process sends. */
export function parseFleetRequest(message: unknown): FleetRequest | null {
  if (typeof message !== 'object' || message === null) return null;
  const fields = message as Record<string, unknown>;
  const { type, claim, app, of, memoryMib, isOwed, failures, forMs } = fields;
  switch (type) {
    case 'claim':
      if (!isNatural(claim) || !isNatural(memoryMib) || typeof isOwed !== 'boolean') return null;
      if (!isAppName(app) || !matches(of, FUNCTION_KEY)) return null;
      return { type, claim, app, of, memoryMib, isOwed };
    case 'unclaim':
      return isNatural(claim) ? { type, claim } : null;
    case 'backs-off':
      if (!matches(of, FUNCTION_KEY) || !isNatural(failures) || !isNatural(forMs)) return null;
      return failures <= MAX_FAILURES && forMs <= MAX_BACK_OFF_MS
        ? { type, of, failures, forMs }
        : null;
    default:
      return null;
  }
}
