import type { TokenView } from '../../protocol/control-api.ts';
import type { TokenRow } from '../../store/tokens.ts';

export function presentToken(row: TokenRow, apps: string[] | null): TokenView {
  return {
    id: row.id,
    name: row.name,
    role: row.role,
    apps,
    prefix: row.prefix,
    createdAt: row.createdAt.toISOString(),
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}
