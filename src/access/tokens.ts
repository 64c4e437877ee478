import { createHash } from 'node:crypto';
import { appNameProblem } from '../model/app.ts';
import type { Role } from '../model/role.ts';
import { PlatformError } from '../protocol/errors.ts';
import { newId, randomName } from '../std/ids.ts';
import { findAppByName, type App } from '../store/apps.ts';
import type { Queryable } from '../store/database.ts';
import {
  findToken,
  findTokenByHash,
  insertToken,
  listTokens,
  revokeToken,
  touchToken,
  type TokenRow,
} from '../store/tokens.ts';
import { can, isInScope, type Action } from './can.ts';

/** A token that was checked, as the one who acts. */
export interface Actor {
  tokenId: string;
  tokenName: string;
  role: Role;
  appIds: string[] | null;
}

export interface Access {
  /** @throws PlatformError unauthenticated */
  authenticate(token: string): Promise<Actor>;
  /**
   * The app by its name, if the actor may do this to it.
   * @throws PlatformError not-found for an app that does not exist or that the actor must not know of, forbidden
   *   for one that it may know of
   */
  requireApp(actor: Actor, action: Action, appName: string): Promise<App>;
  /** Whether the actor may do this to an app that it knows of. */
  may(actor: Actor, action: Action, app: App): boolean;
  /** @throws PlatformError forbidden */
  require(actor: Actor, action: Action): void;
  createToken(request: TokenRequest): Promise<{ token: string; row: TokenRow }>;
  /** Stores the operator's first token, which is made before there is a database. */
  adoptAdminToken(token: string): Promise<void>;
  listTokens(): Promise<TokenRow[]>;
  /** @throws PlatformError not-found */
  revokeToken(id: string): Promise<void>;
}

export interface TokenRequest {
  name: string;
  role: Role;
  appNames: string[] | null;
  expiresInSeconds: number | null;
}

/** `fn_` and 40 characters of base32: 200 random bits. */
const TOKEN_CHARACTERS = 40;
const TOKEN_FORMAT = /^fn_[a-z2-7]{40}$/;
const PREFIX_CHARACTERS = 9;
/** A use is written down at most this often, and never on the way of a request. */
const TOUCH_INTERVAL_MS = 60_000;

interface Deps {
  db: Queryable;
  now: () => number;
  onError: (error: unknown) => void;
}

export function createAccess({ db, now, onError }: Deps): Access {
  const touchedAt = new Map<string, number>();
  const noteUse = (tokenId: string): void => {
    if (now() - (touchedAt.get(tokenId) ?? 0) < TOUCH_INTERVAL_MS) return;
    touchedAt.set(tokenId, now());
    touchToken(db, tokenId).catch(onError);
  };
  const access: Access = {
    async authenticate(token) {
      // The format is checked first, so that garbage costs no query.
      const row = TOKEN_FORMAT.test(token) ? await findTokenByHash(db, hashToken(token)) : null;
      if (row === null) throw notValid('this token is unknown here');
      refuseEnded(row, now());
      noteUse(row.id);
      return { tokenId: row.id, tokenName: row.name, role: row.role, appIds: row.appIds };
    },
    async requireApp(actor, action, appName) {
      const app = await findAppByName(db, appName);
      if (app === null || !isInScope(actor, app.id)) throw unknownApp(appName);
      if (!can(actor, action, app.id)) throw notAllowed(actor, action);
      return app;
    },
    may: (actor, action, app) => can(actor, action, app.id),
    require(actor, action) {
      if (!can(actor, action, null)) throw notAllowed(actor, action);
    },
    async createToken(request) {
      const token = `fn_${randomName(TOKEN_CHARACTERS)}`;
      const id = newId('tok');
      const { expiresInSeconds: seconds } = request;
      await insertToken(db, {
        id,
        name: request.name,
        role: request.role,
        hash: hashToken(token),
        prefix: token.slice(0, PREFIX_CHARACTERS),
        appIds: await appIdsOf(db, request.appNames),
        expiresAt: seconds === null ? null : new Date(now() + seconds * 1000),
      });
      const row = await findToken(db, id);
      if (row === null) throw new Error(`token ${id} vanished while being created`);
      return { token, row };
    },
    async adoptAdminToken(token) {
      await insertToken(db, {
        id: newId('tok'),
        name: 'admin',
        role: 'admin',
        hash: hashToken(token),
        prefix: token.slice(0, PREFIX_CHARACTERS),
        appIds: null,
        expiresAt: null,
      });
    },
    listTokens: () => listTokens(db),
    async revokeToken(id) {
      if ((await findToken(db, id)) === null) {
        throw new PlatformError('not-found', `there is no token ${id}`, { hint: 'fn tokens list' });
      }
      await revokeToken(db, id);
    },
  };
  return access;
}

async function appIdsOf(db: Queryable, names: string[] | null): Promise<string[] | null> {
  if (names === null) return null;
  return Promise.all(
    names.map(async (name) => {
      const app = await findAppByName(db, name);
      if (app === null) throw unknownApp(name);
      return app.id;
    }),
  );
}

function hashToken(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

/** Only who holds the token itself learns what became of it. */
function refuseEnded({ name, revokedAt, expiresAt }: TokenRow, nowMs: number): void {
  if (revokedAt !== null) throw notValid(`the token "${name}" was revoked ${dayOf(revokedAt)}`);
  if (expiresAt !== null && expiresAt.getTime() <= nowMs) {
    throw notValid(`the token "${name}" expired ${dayOf(expiresAt)}`);
  }
}

function dayOf(time: Date): string {
  return `on ${time.toISOString().slice(0, 10)}`;
}

function notValid(message: string): PlatformError {
  return new PlatformError('unauthenticated', message, {
    hint: 'run: fn login URL with a valid token; an admin makes one with: fn tokens create NAME',
  });
}

function unknownApp(name: string): PlatformError {
  const problem = appNameProblem(name);
  if (problem !== null) {
    return new PlatformError('bad-request', `there is no app "${name}": ${problem}`, {
      hint: 'choose another name; fn apps lists those that this token can see',
    });
  }
  return new PlatformError('not-found', `there is no app "${name}" that this token can see`, {
    hint: 'check the name: fn apps lists those that it can see',
  });
}

function notAllowed(actor: Actor, action: Action): PlatformError {
  const [noun, verb] = action.split('.');
  if (can({ role: actor.role, appIds: null }, action, null)) {
    const message = `the token "${actor.tokenName}" is confined to some apps and may not ${verb} ${noun}s`;
    return new PlatformError('forbidden', message, {
      hint: 'use a token that is not confined: fn tokens create NAME --role admin',
    });
  }
  const message = `the token "${actor.tokenName}" has the role ${actor.role}, which may not ${verb} ${noun}s`;
  return new PlatformError('forbidden', message, {
    hint: 'ask an admin for a token with another role: fn tokens create NAME --role deploy',
  });
}
