import type { Grant } from '../model/grant.ts';
import { PlatformError } from '../protocol/errors.ts';
import { newId } from '../std/ids.ts';
import type { Database } from '../store/database.ts';
import {
  countOtherAdmins,
  findToken,
  insertToken,
  listTokens,
  lockTokens,
  revokeToken,
  type NewToken,
  type TokenRow,
} from '../store/tokens.ts';
import type { Actor, Decisions } from './authorise.ts';
import { appsFor, can } from './can.ts';
import { notAllowed, unknownToken } from './refusals.ts';
import { planToken, type PlannedToken, type TokenRequest } from './token-request.ts';
import { hashToken, newTokenText, prefixOf } from './token-text.ts';

/** A token's text is told here, this once. */
export interface CreatedToken {
  token: string;
  row: TokenRow;
}

type TokenPage = Parameters<typeof listTokens>[2];

type IssuedToken = Omit<NewToken, 'id' | 'hash' | 'prefix'>;

/** What people do with tokens. One that an actor must not see looks as if it did not exist. */
export interface Tokens {
  /** Never stronger than the actor. @throws PlatformError bad-request, forbidden or not-found */
  create(actor: Actor, request: TokenRequest): Promise<CreatedToken>;
  /** For whom the operator lets in, without anybody who makes it. */
  issue(fields: IssuedToken): Promise<CreatedToken>;
  /** Whether it would be made. @throws PlatformError as `create` does */
  check(actor: Actor, request: TokenRequest): Promise<void>;
  /** Those that the actor may see, oldest first, from behind `after` on. @throws PlatformError forbidden */
  list(actor: Actor, page: TokenPage): Promise<TokenRow[]>;
  /** @throws PlatformError not-found */
  find(actor: Actor, id: string): Promise<TokenRow>;
  /**
   * @param isLastToo also where nobody may administer the platform then
   * @throws PlatformError not-found or conflict
   */
  revoke(actor: Actor, id: string, isLastToo: boolean): Promise<void>;
  /** Stores the operator's first token, which is made before there is a database. */
  adoptAdmin(token: string): Promise<void>;
}

interface Deps {
  db: Database;
  now: () => number;
  decisions: Decisions;
  onRevoked: (id: string) => void;
}

export function createTokens({ db, now, decisions, onRevoked }: Deps): Tokens {
  async function store(fields: IssuedToken): Promise<CreatedToken> {
    const token = newTokenText();
    const id = newId('tok');
    await insertToken(db, { ...fields, id, hash: hashToken(token), prefix: prefixOf(token) });
    const row = await findToken(db, id);
    if (row === null) throw new Error(`token ${id} vanished while being created`);
    return { token, row };
  }

  /** Whoever may make tokens for an app is its admin, so that none made for it is stronger. */
  async function grantsOf(actor: Actor, planned: PlannedToken['grants']): Promise<Grant[]> {
    const grants: Grant[] = [];
    for (const { app, ...what } of planned) {
      if (app === null) decisions.require(actor, 'token.create');
      const found = app === null ? null : await decisions.requireApp(actor, 'token.create', app);
      if ('role' in what) grants.push({ appId: found?.id ?? null, role: what.role });
      else if (found !== null) grants.push({ appId: found.id, actions: what.actions });
    }
    return grants;
  }

  async function find(actor: Actor, id: string): Promise<TokenRow> {
    const row = await findToken(db, id);
    if (row === null || !isSeen(actor, row)) throw unknownToken(id);
    return row;
  }

  return {
    async create(actor, request) {
      const { grants, expiresInSeconds } = planToken(request);
      return store({
        name: request.name,
        kind: request.kind,
        grants: await grantsOf(actor, grants),
        createdBy: actor.tokenId,
        expiresAt: expiresInSeconds === null ? null : new Date(now() + expiresInSeconds * 1000),
      });
    },
    issue: store,
    async check(actor, request) {
      await grantsOf(actor, planToken(request).grants);
    },
    async list(actor, page) {
      const appIds = appsFor(actor, 'token.read');
      if (appIds?.length === 0) throw notAllowed(actor, 'token.read', null);
      return listTokens(db, appIds, page);
    },
    find,
    async revoke(actor, id, isLastToo) {
      const row = await find(actor, id);
      await db.transaction(async (tx) => {
        await lockTokens(tx);
        const isAdmin = row.revokedAt === null && can(row, 'token.create', null);
        if (isAdmin && !isLastToo && (await countOtherAdmins(tx, id)) === 0) throw lastAdmin(row);
        await revokeToken(tx, id);
      });
      onRevoked(id);
    },
    async adoptAdmin(token) {
      await insertToken(db, {
        id: newId('tok'),
        name: 'admin',
        kind: 'personal',
        grants: [{ appId: null, role: 'admin' }],
        hash: hashToken(token),
        prefix: prefixOf(token),
        createdBy: null,
        expiresAt: null,
      });
    },
  };
}

export function actorOf({ id, name, kind, grants, expiresAt }: TokenRow): Actor {
  return { tokenId: id, tokenName: name, kind, grants, expiresAt };
}

/** A token is known to itself, and to who administers everything that it is for. */
function isSeen(actor: Actor, { id, grants }: TokenRow): boolean {
  if (id === actor.tokenId || can(actor, 'token.read', null)) return true;
  return grants.length > 0 && grants.every(({ appId }) => can(actor, 'token.read', appId));
}

function lastAdmin({ id, name }: TokenRow): PlatformError {
  const message = `"${name}" is the last valid token that may administer the platform: without it nobody can make another`;
  return new PlatformError('conflict', message, {
    hint: `make one first: fn tokens create NAME --role admin   (or, sure of it: fn tokens revoke ${id} --last-admin; the operator gets in again by removing the file admin-token of the data folder and starting the server)`,
  });
}
