import { appNameProblem } from './app.ts';
import { ROLES, type Role } from './role.ts';

/** Whom a provider of identities vouches for, and what they may do: `ada@example.com=admin`. */
export interface OidcRule {
  kind: 'email' | 'domain' | 'group';
  /** Of addresses in lower case; a domain without its `@`. */
  value: string;
  role: Role;
  /** Names; null for all apps and the platform. */
  apps: string[] | null;
}

/** What a provider says of somebody. */
export interface OidcIdentity {
  /** Null unless the provider has verified it. */
  email: string | null;
  groups: readonly string[];
}

/** `WHO=ROLE` or `WHO=ROLE:APP+APP`, of a mail address, `@domain` or `group:NAME`; null for anything else. */
export function parseOidcRule(text: string): OidcRule | null {
  const [, who = '', roleName = '', names] = /^(.+)=([a-z]+)(?::([a-z0-9+-]+))?$/.exec(text) ?? [];
  const role = ROLES.find((one) => one === roleName);
  const apps = names?.split('+') ?? null;
  if (role === undefined || apps?.some((name) => appNameProblem(name) !== null)) return null;
  const [, group] = /^group:(\S+)$/.exec(who) ?? [];
  if (group !== undefined) return { kind: 'group', value: group, role, apps };
  const [, local, domain] = /^([^\s@]*)@([a-z0-9.-]+\.[a-z0-9-]+)$/i.exec(who) ?? [];
  if (local === undefined || domain === undefined) return null;
  if (local === '') return { kind: 'domain', value: domain.toLowerCase(), role, apps };
  return { kind: 'email', value: who.toLowerCase(), role, apps };
}

/** Those that somebody meets. Nobody meets any by an address that is not verified. */
export function rulesFor(rules: readonly OidcRule[], identity: OidcIdentity): OidcRule[] {
  const email = identity.email?.toLowerCase() ?? null;
  const domain = email?.slice(email.lastIndexOf('@') + 1);
  return rules.filter(({ kind, value }) => {
    if (kind === 'group') return identity.groups.includes(value);
    return email !== null && value === (kind === 'email' ? email : domain);
  });
}
