/**
 * Bounds guessing. A token has 200 random bits, so what is held off is the load of trying, and whoever tries learns of
 * it. Failures are counted by the address that they come from, and by the beginning of the token that was tried:
 *
 * - an address with too many waits, before anybody looks whether its next token is right; but for tokens that were right
 *   from there lately, so that nobody locks out the people behind the same address;
 * - a beginning that was tried too often, from wherever, is answered in the same way, but for the token that has it:
 *   beginnings are shown in lists, and must not serve to lock out whose they are.
 */
import { PlatformError } from '../protocol/errors.ts';
import { networkOf } from '../std/ip-address.ts';
import { prefixOf } from './token-text.ts';

const WINDOW_MS = 60_000;
const MAX_FAILURES_PER_ADDRESS = 60;
const MAX_FAILURES_PER_PREFIX = 60;
/** Of addresses, beginnings, and right pairs, each; the oldest is forgotten for one more. */
const MAX_REMEMBERED = 10_000;

/** A token as somebody tries it, or a key as they offer it; the hash is null for what can be neither. */
interface Attempt {
  from: string;
  token: string;
  hash: Buffer | null;
}

export interface Attempts {
  /** Before it is looked up. @throws PlatformError too-many-requests */
  admit(attempt: Attempt): void;
  /** There is no such token. @throws PlatformError too-many-requests in place of that */
  failed(attempt: Attempt): void;
  succeeded(attempt: Attempt): void;
}

export function createAttempts(now: () => number): Attempts {
  const byAddress = createCounter(now, MAX_FAILURES_PER_ADDRESS);
  const byPrefix = createCounter(now, MAX_FAILURES_PER_PREFIX);
  const right = new Map<string, true>();
  const pairOf = ({ from, hash }: Attempt): string =>
    `${networkOf(from)} ${hash?.toString('base64') ?? ''}`;

  return {
    admit(attempt) {
      const waitMs = byAddress.waitMs(networkOf(attempt.from));
      if (waitMs > 0 && !right.has(pairOf(attempt))) throw tooMany(waitMs);
    },
    failed({ from, token, hash }) {
      byAddress.add(networkOf(from));
      if (hash === null) return;
      const prefix = prefixOf(token);
      const waitMs = byPrefix.waitMs(prefix);
      byPrefix.add(prefix);
      if (waitMs > 0) throw tooMany(waitMs);
    },
    succeeded(attempt) {
      remember(right, pairOf(attempt), true);
    },
  };
}

interface Counter {
  add(key: string): void;
  /** How long the key is still held off; 0 for one that is not. */
  waitMs(key: string): number;
}

/** Counts by key, within a minute that begins with the first. */
function createCounter(now: () => number, max: number): Counter {
  const windows = new Map<string, { endsAt: number; count: number }>();
  const current = (key: string) => {
    const window = windows.get(key);
    return window === undefined || window.endsAt <= now() ? null : window;
  };
  return {
    add(key) {
      const window = current(key);
      if (window === null) remember(windows, key, { endsAt: now() + WINDOW_MS, count: 1 });
      else window.count++;
    },
    waitMs(key) {
      const window = current(key);
      return window === null || window.count < max ? 0 : window.endsAt - now();
    },
  };
}

function remember<Value>(map: Map<string, Value>, key: string, value: Value): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > MAX_REMEMBERED && oldest !== undefined) map.delete(oldest);
}

function tooMany(waitMs: number): PlatformError {
  const retryAfterS = Math.ceil(waitMs / 1000);
  const message = 'too many attempts with tokens or keys that are unknown here';
  return new PlatformError('too-many-requests', message, {
    hint: `try again in ${retryAfterS} s, with a valid token: fn login URL`,
    retryAfterS,
  });
}
