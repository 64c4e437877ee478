/**
 * Tokens by their hash, as the database had them a moment ago: whoever asks a hundred times a second is looked up twice.
 * What this process revokes is forgotten at once; what another one does is seen within `FRESH_MS`.
 */
import type { Queryable } from '../store/database.ts';
import { findTokenByHash, type TokenRow } from '../store/tokens.ts';

/** A revocation holds everywhere within a second. */
const FRESH_MS = 400;
const MAX_REMEMBERED = 1_000;

export interface FreshTokens {
  /** Also one that is revoked or has expired; null where there is none. */
  find(hash: Buffer): Promise<TokenRow | null>;
  /** Whatever is asked from now on is looked up. */
  forget(): void;
}

export function createFreshTokens(db: Queryable, now: () => number): FreshTokens {
  const byHash = new Map<string, { row: TokenRow; until: number }>();
  let generation = 0;
  return {
    async find(hash) {
      const key = hash.toString('latin1');
      const known = byHash.get(key);
      if (known !== undefined && now() < known.until) return known.row;
      byHash.delete(key);
      const before = generation;
      const until = now() + FRESH_MS;
      const row = await findTokenByHash(db, hash);
      // What was read before it was to be forgotten may be what was to be forgotten.
      if (row === null || before !== generation) return row;
      if (byHash.size >= MAX_REMEMBERED) byHash.clear();
      byHash.set(key, { row, until });
      return row;
    },
    forget() {
      generation += 1;
      byHash.clear();
    },
  };
}
