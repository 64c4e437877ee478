import type { Grant, TokenKind } from '../../model/grant.ts';
import type { WhoAmI } from '../../protocol/control-client.generated.ts';
import { listApps } from '../../store/apps.ts';
import type { Queryable } from '../../store/database.ts';

/** What a token may do. */
type TokenScope = Pick<WhoAmI, 'kind' | 'role' | 'apps' | 'grants' | 'can'>;

interface Scoped {
  kind: TokenKind;
  grants: readonly Grant[];
}

/** The names of the apps that the tokens are for, by their ids. */
export async function appNamesOf(
  db: Queryable,
  tokens: readonly Scoped[],
): Promise<Map<string, string>> {
  const ids = tokens.flatMap(({ grants }) => grants.flatMap(({ appId }) => appId ?? []));
  const apps = ids.length === 0 ? [] : await listApps(db, [...new Set(ids)]);
  return new Map(apps.map(({ id, name }) => [id, name]));
}

export function presentScope(
  { kind, grants }: Scoped,
  names: ReadonlyMap<string, string>,
): TokenScope {
  const isOfAll = grants.some(({ appId }) => appId === null);
  const named = grants.flatMap((grant) => {
    const app = grant.appId === null ? null : names.get(grant.appId);
    return 'role' in grant && app !== undefined ? [{ app, role: grant.role }] : [];
  });
  const roles = new Set(named.map(({ role }) => role));
  const [role = null] = roles;
  return {
    kind,
    role: roles.size === 1 ? role : null,
    apps: isOfAll ? null : grants.flatMap(({ appId }) => names.get(appId ?? '') ?? []).toSorted(),
    grants: named,
    can:
      kind === 'service'
        ? grants.flatMap((grant) => ('actions' in grant ? grant.actions : []))
        : null,
  };
}
