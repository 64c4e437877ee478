import type { Grant, TokenKind } from '../model/grant.ts';
import { ROLES, roleIncludes, type Role } from '../model/role.ts';

/** Who may take an action. */
interface Rule {
  /** The least role that includes it. */
  role: Role;
  /** It is of no app: only a grant of the whole platform has it. */
  isPlatform?: true;
  /** A pipeline may, with the role. Never: reading values, tokens or the audit log, and deleting. */
  ci?: true;
  /** It may be given to a service token. */
  service?: true;
  /** Completes "may" and "may not". */
  does: string;
}

/** Every action, and who may take it. What is said of it in docs/access.md is compared with this. */
export const RULES = {
  'app.read': { role: 'viewer', ci: true, service: true, does: 'see apps and their releases' },
  'app.push': { role: 'deployer', ci: true, does: 'push' },
  'app.cancel': { role: 'deployer', ci: true, does: 'cancel a push' },
  'app.create': { role: 'deployer', isPlatform: true, does: 'create apps' },
  'app.promote': { role: 'deployer', ci: true, does: 'promote previews' },
  'app.rollback': { role: 'deployer', ci: true, does: 'roll back' },
  'app.redeploy': { role: 'deployer', ci: true, service: true, does: 'deploy again' },
  'log.read': { role: 'viewer', ci: true, service: true, does: 'read logs' },
  'metrics.read': { role: 'viewer', ci: true, service: true, does: 'read metrics' },
  'environment.list': {
    role: 'viewer',
    ci: true,
    service: true,
    does: 'see the names of environment values',
  },
  'environment.read': { role: 'deployer', does: 'read environment values that are no secrets' },
  'environment.change': { role: 'deployer', does: 'change the environment' },
  'function.read': { role: 'viewer', ci: true, service: true, does: 'see functions' },
  'function.create': { role: 'deployer', isPlatform: true, does: 'create functions' },
  'function.update': { role: 'deployer', ci: true, does: 'update functions' },
  'function.invoke': { role: 'deployer', ci: true, service: true, does: 'invoke functions' },
  'app.delete': { role: 'admin', does: 'delete apps' },
  /** The app's only one, and so the app. */
  'function.delete': { role: 'admin', does: 'delete functions' },
  /** Who may see what it serves. */
  'access.change': { role: 'admin', does: 'open apps to everybody and close them' },
  'share-link.read': { role: 'deployer', does: 'see share links' },
  'share-link.create': { role: 'deployer', does: 'make share links' },
  'share-link.remove': { role: 'deployer', does: 'remove share links' },
  'domain.read': { role: 'viewer', ci: true, service: true, does: 'see domains' },
  'domain.change': { role: 'deployer', does: 'change domains' },
  'certificate.change': { role: 'deployer', does: 'change certificates of an app' },
  'platform-certificate.change': {
    role: 'admin',
    isPlatform: true,
    does: 'change certificates of the platform',
  },
  'platform-metrics.read': {
    role: 'admin',
    isPlatform: true,
    does: 'read the metrics of the platform',
  },
  'consistency.read': {
    role: 'admin',
    isPlatform: true,
    does: 'have the platform checked for what does not agree',
  },
  'master-key.rotate': { role: 'admin', isPlatform: true, does: 'rotate the master key' },
  'token.read': { role: 'admin', does: 'see tokens' },
  'token.create': { role: 'admin', does: 'create tokens' },
  'token.revoke': { role: 'admin', does: 'revoke tokens' },
  'audit.read': { role: 'admin', does: 'read the audit log of apps' },
  'platform-audit.read': {
    role: 'admin',
    isPlatform: true,
    does: 'read the audit log of the platform',
  },
  'git-host.read': { role: 'viewer', ci: true, does: 'see connected git hosts' },
  'git-host.change': { role: 'admin', does: 'connect git hosts' },
} as const satisfies Record<string, Rule>;

export type Action = keyof typeof RULES;

/** What of a token the decision is made by. */
export interface Principal {
  kind: TokenKind;
  grants: readonly Grant[];
}

/**
 * The one decision on permissions. `appId` is the app that the action touches, or null for what touches none: only a
 * grant of the whole platform allows that.
 */
export function can(principal: Principal, action: Action, appId: string | null): boolean {
  const rule: Rule = RULES[action];
  if (principal.kind === 'ci' && rule.ci !== true) return false;
  const target = rule.isPlatform ? null : appId;
  return principal.grants.some((grant) => {
    if (grant.appId !== null && grant.appId !== target) return false;
    if ('role' in grant) return roleIncludes(grant.role, rule.role);
    return rule.service === true && grant.actions.includes(action);
  });
}

/** Ids of the apps that it may do this to; null for all. */
export function appsFor(principal: Principal, action: Action): string[] | null {
  if (can(principal, action, null)) return null;
  const ids = principal.grants.flatMap(({ appId }) => (appId === null ? [] : [appId]));
  return ids.filter((id) => can(principal, action, id));
}

/** The strongest role that it has for an app, or for the platform; null for none. */
export function roleFor({ grants }: Principal, appId: string | null): Role | null {
  const roles = grants.flatMap((grant) => {
    const isMeant = grant.appId === null || grant.appId === appId;
    return isMeant && 'role' in grant ? [grant.role] : [];
  });
  return ROLES.findLast((role) => roles.includes(role)) ?? null;
}

export function isAction(name: string): name is Action {
  return Object.hasOwn(RULES, name);
}

/** Those that a service token may be given. */
export function serviceActions(): Action[] {
  return Object.entries<Rule>(RULES).flatMap(([name, rule]) =>
    rule.service === true && isAction(name) ? [name] : [],
  );
}
