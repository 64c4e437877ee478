/**
 * Letting in a machine that has no token, by somebody who has one, in the shape of RFC 8628: the machine shows a code,
 * and asks again and again whether it was approved; whoever may make tokens types it, and says what the machine may do.
 *
 * The token is made when the machine fetches it, and by whoever approved: it is never stored, and whoever may not make
 * it any more by then has not made it.
 */
import { randomInt } from 'node:crypto';
import { PlatformError } from '../protocol/errors.ts';
import { randomName } from '../std/ids.ts';
import { printableLine } from '../std/printable.ts';
import type { Database } from '../store/database.ts';
import {
  answerDeviceLogin,
  deleteDeviceLogin,
  deleteExpiredDeviceLogins,
  findPendingDeviceLogin,
  holdDeviceLogin,
  insertDeviceLogin,
  listDeviceLoginAddresses,
  lockDeviceLogins,
  notePoll,
  type DeviceLoginRow,
} from '../store/device-logins.ts';
import { findToken } from '../store/tokens.ts';
import { networkOf } from '../std/ip-address.ts';
import type { Attempts } from './attempts.ts';
import type { Actor } from './authorise.ts';
import { appsFor } from './can.ts';
import { notAllowed, refuseEnded } from './refusals.ts';
import type { TokenRequest } from './token-request.ts';
import { hashToken } from './token-text.ts';
import { actorOf, type CreatedToken, type Tokens } from './tokens.ts';

const LIFETIME_S = 600;
const INTERVAL_S = 5;
/** RFC 8628 section 3.5: who asks too early waits so much longer from then on. */
const SLOW_DOWN_S = 5;
const MAX_INTERVAL_S = 60;
const MAX_PENDING = 100;
const MAX_PENDING_PER_ADDRESS = 5;
const DEVICE_CODE_CHARACTERS = 40;
const MAX_HOST_NAME_CHARACTERS = 60;
/** RFC 8628 section 6.1: no vowels, so no words, and nothing that looks like another. 34 bits in eight of them. */
const ALPHABET = 'BCDFGHJKLMNPQRSTVWXZ';
const HALF_CODE = 4;

export interface DeviceLogins {
  /** @throws PlatformError busy while too many wait */
  begin(asking: { hostName: string; from: string }): Promise<BegunLogin>;
  /** @throws PlatformError too-many-requests for an address that makes codes up */
  poll(asking: { deviceCode: string; from: string }): Promise<PolledLogin>;
  /** @throws PlatformError forbidden for who may make no tokens, or not-found */
  find(actor: Actor, userCode: string): Promise<DeviceLoginRow>;
  /** @throws PlatformError also where the actor may not make such a token */
  approve(actor: Actor, userCode: string, request: TokenRequest): Promise<DeviceLoginRow>;
  deny(actor: Actor, userCode: string): Promise<void>;
}

export interface BegunLogin {
  deviceCode: string;
  userCode: string;
  expiresInS: number;
  intervalS: number;
}

export type PolledLogin =
  | { state: 'pending' | 'slow-down'; intervalS: number }
  /** By somebody, or because who approved may not make the token any more. */
  | { state: 'denied' }
  /** Or it never was. */
  | { state: 'expired' }
  | { state: 'approved'; created: CreatedToken; by: Actor };

type Taken =
  | Exclude<PolledLogin, { state: 'approved' }>
  | { state: 'to-redeem'; row: DeviceLoginRow };

interface Deps {
  db: Database;
  now: () => number;
  attempts: Attempts;
  tokens: Pick<Tokens, 'create' | 'check'>;
}

export function createDeviceLogins({ db, now, attempts, tokens }: Deps): DeviceLogins {
  const date = (afterS = 0): Date => new Date(now() + afterS * 1000);

  async function redeem({ answeredBy, request }: DeviceLoginRow): Promise<PolledLogin> {
    const approver = answeredBy === null ? null : await findToken(db, answeredBy);
    if (approver === null) return { state: 'denied' };
    try {
      refuseEnded(approver, now());
      const by = actorOf(approver);
      const created = await tokens.create(by, request as TokenRequest);
      return { state: 'approved', created, by };
    } catch (error) {
      if (error instanceof PlatformError && REFUSALS.has(error.code)) return { state: 'denied' };
      throw error;
    }
  }

  /** What it is now; an answer is taken by whoever learns of it. */
  function take(deviceHash: Buffer): Promise<Taken> {
    return db.transaction(async (tx) => {
      const row = await holdDeviceLogin(tx, deviceHash, date());
      if (row === null) return { state: 'expired' };
      if (row.state !== 'pending') {
        await deleteDeviceLogin(tx, deviceHash);
        return row.state === 'approved' ? { state: 'to-redeem', row } : { state: 'denied' };
      }
      const isEarly = row.polledAt !== null && date(-row.intervalS) < row.polledAt;
      const longer = Math.min(row.intervalS + SLOW_DOWN_S, MAX_INTERVAL_S);
      const intervalS = isEarly ? longer : row.intervalS;
      await notePoll(tx, deviceHash, { intervalS, now: date() });
      return { state: isEarly ? 'slow-down' : 'pending', intervalS };
    });
  }

  return {
    async begin({ hostName, from }) {
      const deviceCode = randomName(DEVICE_CODE_CHARACTERS);
      const userCode = newUserCode();
      await db.transaction(async (tx) => {
        await lockDeviceLogins(tx);
        await deleteExpiredDeviceLogins(tx, date());
        const networks = (await listDeviceLoginAddresses(tx)).map(networkOf);
        const own = networks.filter((network) => network === networkOf(from));
        if (networks.length >= MAX_PENDING || own.length >= MAX_PENDING_PER_ADDRESS)
          throw tooMany();
        await insertDeviceLogin(tx, {
          deviceHash: hashToken(deviceCode),
          userCode,
          hostName: printableLine(hostName, MAX_HOST_NAME_CHARACTERS),
          address: from,
          intervalS: INTERVAL_S,
          createdAt: date(),
          expiresAt: date(LIFETIME_S),
        });
      });
      return { deviceCode, userCode, expiresInS: LIFETIME_S, intervalS: INTERVAL_S };
    },
    async poll({ deviceCode, from }) {
      const hash = hashToken(deviceCode);
      const attempt = { from, token: deviceCode, hash };
      attempts.admit(attempt);
      const taken = await take(hash);
      if (taken.state === 'expired') attempts.failed(attempt);
      return taken.state === 'to-redeem' ? redeem(taken.row) : taken;
    },
    async find(actor, userCode) {
      requireMaker(actor);
      const row = await findPendingDeviceLogin(db, normal(userCode), date());
      if (row === null) throw unknownCode(userCode);
      return row;
    },
    async approve(actor, userCode, request) {
      requireMaker(actor);
      await tokens.check(actor, request);
      const answer = { state: 'approved', by: actor.tokenId, request, now: date() } as const;
      const row = await answerDeviceLogin(db, normal(userCode), answer);
      if (row === null) throw unknownCode(userCode);
      return row;
    },
    async deny(actor, userCode) {
      requireMaker(actor);
      const answer = { state: 'denied', by: actor.tokenId, request: null, now: date() } as const;
      if ((await answerDeviceLogin(db, normal(userCode), answer)) === null) {
        throw unknownCode(userCode);
      }
    },
  };
}

/** Of whoever approved, by now. */
const REFUSALS = new Set(['unauthenticated', 'forbidden', 'not-found', 'bad-request']);

/** Before anything is said of a code. */
function requireMaker(actor: Actor): void {
  if (appsFor(actor, 'token.create')?.length === 0) throw notAllowed(actor, 'token.create', null);
}

function newUserCode(): string {
  const letters = Array.from({ length: 2 * HALF_CODE }, () =>
    ALPHABET.charAt(randomInt(ALPHABET.length)),
  ).join('');
  return `${letters.slice(0, HALF_CODE)}-${letters.slice(HALF_CODE)}`;
}

/** As it is stored, however it was typed. */
function normal(userCode: string): string {
  const letters = userCode.toUpperCase().replaceAll(/[^A-Z]/g, '');
  return `${letters.slice(0, HALF_CODE)}-${letters.slice(HALF_CODE)}`;
}

function unknownCode(userCode: string): PlatformError {
  const code = printableLine(userCode, 2 * HALF_CODE + 1);
  return new PlatformError('not-found', `nobody waits with the code ${code}`, {
    hint: 'codes last ten minutes and serve once; for another: fn login URL --device',
  });
}

function tooMany(): PlatformError {
  return new PlatformError('busy', 'too many logins wait to be approved', {
    hint: 'try again in some minutes, or paste a token: fn login URL',
    retryAfterS: 60,
  });
}
