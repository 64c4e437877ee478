import { listAuditRows, type AuditFilter } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { decodeEntry, type AuditContent } from './audit-entry.ts';

export interface AuditReader {
  /** Newest first. */
  list(filter: AuditFilter): Promise<ReadEntry[]>;
}

export interface ReadEntry {
  sequence: number;
  /** Null for one that somebody has spoiled, which the verifier tells. */
  entry: AuditContent | null;
}

export function createAuditReader(db: Queryable): AuditReader {
  return {
    async list(filter) {
      const rows = await listAuditRows(db, filter);
      return rows.map(({ sequence, content }) => ({ sequence, entry: decodeEntry(content) }));
    },
  };
}
