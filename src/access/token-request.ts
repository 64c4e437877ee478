import type { TokenKind } from '../model/grant.ts';
import type { Role } from '../model/role.ts';
import { PlatformError } from '../protocol/errors.ts';
import { isAction, serviceActions } from './can.ts';

/** A token as somebody asks for it. */
export interface TokenRequest {
  name: string;
  kind: TokenKind;
  /** For all of `apps`; undefined where `grants` or `actions` say it. */
  role: Role | undefined;
  /** Names; undefined for all apps and the platform. */
  apps: string[] | undefined;
  /** A role for each app; the one without a name is for all apps and the platform. */
  grants: readonly NamedGrant[] | undefined;
  /** Of a service token. */
  actions: string[] | undefined;
  expiresInSeconds: number | undefined;
}

interface NamedGrant {
  app: string | null;
  role: Role;
}

/** What a request comes to, before anybody looked whether it is allowed. */
export interface PlannedToken {
  grants: (NamedGrant | { app: string; actions: readonly string[] })[];
  expiresInSeconds: number | null;
}

const DAY_S = 24 * 3600;
const MAX_CI_LIFETIME_S = 365 * DAY_S;
const DEFAULT_CI_LIFETIME_S = 90 * DAY_S;

/** @throws PlatformError bad-request */
export function planToken(request: TokenRequest): PlannedToken {
  const grants = request.kind === 'service' ? [serviceGrant(request)] : roleGrants(request);
  const names = grants.map(({ app }) => app);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) {
    const what = twice === null ? 'the platform' : `the app "${twice}"`;
    throw refuse(`${what} is named twice`, 'give each app one role');
  }
  if (request.kind === 'ci') return { grants, expiresInSeconds: ciLifetime(request, grants) };
  return { grants, expiresInSeconds: request.expiresInSeconds ?? null };
}

function serviceGrant({ apps, role, grants, actions = [] }: TokenRequest) {
  const [app, ...others] = apps ?? [];
  if (app === undefined || others.length > 0) {
    throw refuse('a service token is for one app', 'name it: --service --app NAME --can ACTION');
  }
  if (role !== undefined || grants !== undefined) {
    throw refuse('a service token has actions in place of a role', 'leave out the role');
  }
  const known = serviceActions();
  const odd = actions.find((name) => !isAction(name) || !known.includes(name));
  if (actions.length === 0 || odd !== undefined) {
    const what = odd === undefined ? 'it names none' : `not "${odd}"`;
    const message = `a service token needs actions that such a token may have; ${what}`;
    throw refuse(message, `choose of: ${known.join(', ')}`);
  }
  return { app, actions: [...new Set(actions)] };
}

function roleGrants(request: TokenRequest): NamedGrant[] {
  const { kind, role, apps, grants, actions } = request;
  if (actions !== undefined) {
    throw refuse(
      'only a service token has single actions',
      'ask for the kind "service", or a role',
    );
  }
  if (grants !== undefined) {
    if (role === undefined && apps === undefined) return [...grants];
    throw refuse('there are grants and a role', 'give a role with apps, or grants alone');
  }
  const given = role ?? (kind === 'ci' ? 'deployer' : undefined);
  if (given === undefined) throw refuse('the token needs a role', 'viewer, deployer or admin');
  return (apps ?? [null]).map((app) => ({ app, role: given }));
}

function ciLifetime(
  { expiresInSeconds = DEFAULT_CI_LIFETIME_S }: TokenRequest,
  grants: PlannedToken['grants'],
): number {
  if (grants.some(({ app }) => app === null)) {
    throw refuse('a CI token is confined to apps', 'name them: --ci --app NAME');
  }
  if (grants.some((grant) => 'role' in grant && grant.role === 'admin')) {
    throw refuse('a CI token is never an admin', 'choose the role deployer or viewer');
  }
  if (expiresInSeconds > MAX_CI_LIFETIME_S) {
    throw refuse('a CI token ends within a year', 'choose at most 365d');
  }
  return expiresInSeconds;
}

function refuse(message: string, hint: string): PlatformError {
  return new PlatformError('bad-request', message, { hint });
}
