import type { Grant } from '../model/grant.ts';
import { rulesFor, type OidcRule } from '../model/oidc-rule.ts';
import { roleIncludes, type Role } from '../model/role.ts';
import { PlatformError } from '../protocol/errors.ts';
import { printableLine } from '../std/printable.ts';
import { findAppByName } from '../store/apps.ts';
import type { Queryable } from '../store/database.ts';
import type { Attempts } from './attempts.ts';
import { createOidcProvider, type OidcClient, type OidcCode } from './oidc-provider.ts';
import { hashToken } from './token-text.ts';
import type { CreatedToken, Tokens } from './tokens.ts';

export interface OidcSettings extends OidcClient {
  /** Whoever meets none may not log in. */
  rules: OidcRule[];
  tokenHours: number;
}

/** Logging in by the operator's provider of identities. */
export interface OidcLogins {
  /** What a client begins with. @throws PlatformError not-found where there is no provider, or unavailable */
  describe(): Promise<{ issuer: string; clientId: string; endpoint: string; scope: string }>;
  /** @throws PlatformError unauthenticated, forbidden, too-many-requests, busy, not-found or unavailable */
  login(asking: OidcCode & { hostName: string; from: string }): Promise<CreatedToken>;
}

const HOUR_MS = 3_600_000;
/** Each waits for the provider. */
const MAX_AT_ONCE = 10;
const MAX_NAME_CHARACTERS = 100;

interface Deps {
  db: Queryable;
  now: () => number;
  attempts: Attempts;
  tokens: Pick<Tokens, 'issue'>;
}

export function createOidcLogins(
  { db, now, attempts, tokens }: Deps,
  settings: OidcSettings | null,
): OidcLogins {
  const provider = settings === null ? null : createOidcProvider(settings, now);
  let running = 0;

  async function loginNow(
    { hostName, ...code }: OidcCode & { hostName: string },
    { rules, tokenHours }: OidcSettings,
  ): Promise<CreatedToken> {
    const identity = (await provider?.identify(code)) ?? { email: null, groups: [] };
    const met = rulesFor(rules, identity);
    const who = printableLine(identity.email ?? 'somebody without a verified address', 80);
    if (met.length === 0) throw notAllowed(who);
    return tokens.issue({
      name: printableLine(`${who} at ${hostName}`, MAX_NAME_CHARACTERS),
      kind: 'personal',
      grants: await grantsOf(db, met),
      createdBy: null,
      expiresAt: new Date(now() + tokenHours * HOUR_MS),
    });
  }

  return {
    async describe() {
      if (settings === null || provider === null) throw noProvider();
      const { issuer, clientId } = settings;
      return { issuer, clientId, ...(await provider.authorization()) };
    },
    async login({ from, ...asking }) {
      if (settings === null) throw noProvider();
      const attempt = { from, token: asking.code, hash: hashToken(asking.code) };
      attempts.admit(attempt);
      if (running >= MAX_AT_ONCE) throw tooMany();
      running++;
      try {
        return await loginNow(asking, settings);
      } catch (error) {
        const isRefusal = error instanceof PlatformError && error.code === 'unauthenticated';
        if (isRefusal) attempts.failed(attempt);
        throw error;
      } finally {
        running--;
      }
    },
  };
}

/** The strongest role for each; apps that are not there yet are left out. */
async function grantsOf(db: Queryable, rules: readonly OidcRule[]): Promise<Grant[]> {
  const roles = new Map<string | null, Role>();
  for (const { role, apps } of rules) {
    const found = await Promise.all((apps ?? []).map((name) => findAppByName(db, name)));
    const ids = apps === null ? [null] : found.flatMap((app) => app?.id ?? []);
    for (const id of ids) {
      const before = roles.get(id);
      if (before === undefined || !roleIncludes(before, role)) roles.set(id, role);
    }
  }
  return [...roles].map(([appId, role]) => ({ appId, role }));
}

function notAllowed(who: string): PlatformError {
  return new PlatformError('forbidden', `${who} may not log in here`, {
    hint: 'the operator names who may in FN_OIDC_ALLOWED; an admin can also make a token: fn tokens create NAME',
  });
}

function noProvider(): PlatformError {
  return new PlatformError('not-found', 'this server knows no provider of identities', {
    hint: 'paste a token (fn login URL), or have somebody approve this machine: fn login URL --device',
  });
}

function tooMany(): PlatformError {
  return new PlatformError('busy', 'too many log in at this moment', {
    hint: 'try again in a moment',
    retryAfterS: 5,
  });
}
