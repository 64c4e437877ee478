import { roleIncludes, type Role } from '../model/role.ts';

/** What somebody wants to do; the role that it takes stands beside it. */
const NEEDED_ROLE = {
  'app.read': 'read',
  'app.push': 'deploy',
  'app.cancel': 'deploy',
  'app.create': 'deploy',
  'app.rollback': 'deploy',
  'log.read': 'read',
  'app.redeploy': 'deploy',
  'metrics.read': 'read',
  /** Names, scopes and kinds; no values. */
  'environment.list': 'read',
  /** The values of plain ones. Those of secrets nobody can read. */
  'environment.read': 'deploy',
  'environment.change': 'deploy',
  'function.read': 'read',
  'function.create': 'deploy',
  'function.update': 'deploy',
  'function.invoke': 'deploy',
  /** The app's only one, and so the app. */
  'function.delete': 'admin',
  'domain.read': 'read',
  'domain.change': 'deploy',
  /** For the domains of an app. */
  'certificate.change': 'deploy',
  'platform-certificate.change': 'admin',
  'master-key.rotate': 'admin',
  'token.read': 'admin',
  'token.create': 'admin',
  'token.revoke': 'admin',
} as const satisfies Record<string, Role>;

export type Action = keyof typeof NEEDED_ROLE;

interface Scope {
  role: Role;
  /** Ids of the apps that it is confined to; null for all. */
  appIds: string[] | null;
}

/**
 * The one decision on permissions. `appId` is the app that the action touches, or null for an action on the
 * platform (creating an app, tokens), which a token confined to some apps never has.
 */
export function can(scope: Scope, action: Action, appId: string | null): boolean {
  if (!roleIncludes(scope.role, NEEDED_ROLE[action])) return false;
  return isInScope(scope, appId);
}

/** Whether the app may be known at all: a foreign one looks as if it did not exist. */
export function isInScope(scope: Scope, appId: string | null): boolean {
  if (scope.appIds === null) return true;
  return appId !== null && scope.appIds.includes(appId);
}
