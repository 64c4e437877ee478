import type { Clock } from '../std/clock.ts';
import type { Database } from '../store/database.ts';
import { findToken, findTokenBySshKey, touchToken } from '../store/tokens.ts';
import { createAttempts } from './attempts.ts';
import { createDecisions, type Actor, type Decisions } from './authorise.ts';
import { can, type Action } from './can.ts';
import { createDeviceLogins, type DeviceLogins } from './device-logins.ts';
import { createFreshTokens } from './fresh-tokens.ts';
import { createOidcLogins, type OidcLogins, type OidcSettings } from './oidc-logins.ts';
import { createKeyWatches, type KeyWatches } from './key-watches.ts';
import { notAllowed, notValid, refuseEnded } from './refusals.ts';
import { hashToken, isTokenText } from './token-text.ts';
import { actorOf, createTokens, type Tokens } from './tokens.ts';
import { createWatches, type Watches } from './watches.ts';

export interface Access extends Decisions {
  /**
   * @param from the address that it is sent from
   * @throws PlatformError unauthenticated, or too-many-requests for an address that failed too often
   */
  authenticate(token: string, from: string): Promise<Actor>;
  /**
   * The one whose key it is, by the fingerprint; that its holder has the private half was seen before. An unknown one
   * counts for nothing: an agent offers all that it has. Who is done without a right one is told of by `keysFailed`.
   * @throws PlatformError unauthenticated, or too-many-requests for an address that failed too often
   */
  authenticateKey(fingerprint: string, from: string): Promise<Actor>;
  /** A connection from there offered keys, and none was right. */
  keysFailed(from: string): void;
  /**
   * Asks again about a token that was right a while ago.
   * @throws PlatformError unauthenticated when it has ended since, forbidden when it may not do this to the app any more
   */
  reconsider(tokenId: string, action: Action, appId: string): Promise<void>;
  tokens: Tokens;
  deviceLogins: DeviceLogins;
  oidcLogins: OidcLogins;
  /**
   * Calls back once, within a second of the moment when the actor may do this no more, unless the returned function is
   * called before.
   */
  watch: Watches['watch'];
  /** Calls back once, within a second of the moment when nobody is known by the key any more, unless ended before. */
  watchKey: KeyWatches['watch'];
  /** The app is gone: whatever was let in to watch it is ended, whoever may what else. */
  endApp: Watches['endApp'];
}

/** A use is written down at most this often, and never on the way of a request. */
const TOUCH_INTERVAL_MS = 60_000;

interface Deps {
  db: Database;
  clock: Clock;
  onError: (error: unknown) => void;
}

export function createAccess(
  { db, clock, onError }: Deps,
  oidc: OidcSettings | null = null,
): Access {
  const now = (): number => clock.now();
  const decisions = createDecisions(db);
  const watches = createWatches({ db, clock });
  const keyWatches = createKeyWatches({ db, clock });
  const attempts = createAttempts(now);
  const fresh = createFreshTokens(db, now);
  const onRevoked = (id: string): void => {
    fresh.forget();
    watches.end(id);
  };
  const tokens = createTokens({ db, now, decisions, onRevoked });
  const touchedAt = new Map<string, number>();
  const noteUse = (tokenId: string): void => {
    if (now() - (touchedAt.get(tokenId) ?? 0) < TOUCH_INTERVAL_MS) return;
    touchedAt.set(tokenId, now());
    touchToken(db, tokenId).catch(onError);
  };
  return {
    ...decisions,
    tokens,
    deviceLogins: createDeviceLogins({ db, now, attempts, tokens }),
    oidcLogins: createOidcLogins({ db, now, attempts, tokens }, oidc),
    watch: (actor, permission, onEnd) => watches.watch(actor, permission, onEnd),
    watchKey: (fingerprint, onEnd) => keyWatches.watch(fingerprint, onEnd),
    endApp: (appId) => watches.endApp(appId),
    async reconsider(tokenId, action, appId) {
      const row = await findToken(db, tokenId);
      if (row === null) throw notValid('this token is unknown here by now');
      refuseEnded(row, now());
      if (!can(row, action, appId)) throw notAllowed(actorOf(row), action, appId);
    },
    async authenticate(token, from) {
      // The format is checked first, so that garbage costs no query.
      const hash = isTokenText(token) ? hashToken(token) : null;
      const attempt = { from, token, hash };
      attempts.admit(attempt);
      const row = hash === null ? null : await fresh.find(hash);
      if (row === null) {
        attempts.failed(attempt);
        throw notValid('this token is unknown here');
      }
      refuseEnded(row, now());
      attempts.succeeded(attempt);
      noteUse(row.id);
      return actorOf(row);
    },
    async authenticateKey(fingerprint, from) {
      const attempt = { from, token: fingerprint, hash: hashToken(fingerprint) };
      attempts.admit(attempt);
      const row = await findTokenBySshKey(db, fingerprint);
      if (row === null) throw notValid('this key is unknown here');
      refuseEnded(row, now());
      attempts.succeeded(attempt);
      noteUse(row.id);
      return actorOf(row);
    },
    keysFailed: (from) => attempts.failed({ from, token: '', hash: null }),
  };
}
