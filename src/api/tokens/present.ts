import type { Token } from '../../protocol/control-client.generated.ts';
import type { Queryable } from '../../store/database.ts';
import type { TokenRow } from '../../store/tokens.ts';
import { appNamesOf, presentScope } from './scope.ts';

export async function presentTokens(db: Queryable, rows: readonly TokenRow[]): Promise<Token[]> {
  const names = await appNamesOf(db, rows);
  return rows.map((row) => presentRow(row, names));
}

export async function presentToken(db: Queryable, row: TokenRow): Promise<Token> {
  return presentRow(row, await appNamesOf(db, [row]));
}

function presentRow(row: TokenRow, names: ReadonlyMap<string, string>): Token {
  return {
    id: row.id,
    name: row.name,
    ...presentScope(row, names),
    prefix: row.prefix,
    createdAt: row.createdAt.toISOString(),
    createdBy: row.createdBy,
    expiresAt: row.expiresAt?.toISOString() ?? null,
    revokedAt: row.revokedAt?.toISOString() ?? null,
    lastUsedAt: row.lastUsedAt?.toISOString() ?? null,
  };
}
