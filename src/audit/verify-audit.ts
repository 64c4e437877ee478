import type { AuditProblemKind } from '../model/audit.ts';
import type { Clock } from '../std/clock.ts';
import { findAuditRow, readAuditRows, type AuditRow } from '../store/audit.ts';
import type { Queryable } from '../store/database.ts';
import { GENESIS, isSameMac, macOf } from './audit-chain.ts';
import { decodeEntry } from './audit-entry.ts';
import type { AuditHead, AuditKeys, HeadEntry } from './ports.ts';

export interface AuditProblem {
  /** The first entry that is not as it was written. */
  sequence: number;
  kind: AuditProblemKind;
  message: string;
}

export interface AuditVerdict {
  /** How many entries were looked at. */
  entries: number;
  /** Of the last that was proved; the one before `from` when none was. */
  verifiedTo: number;
  /** Where to go on; null when the end was reached or a problem was found. */
  next: number | null;
  problem: AuditProblem | null;
}

/** Proves that the log is whole and as it was written. */
export interface AuditVerifier {
  /** From this entry on, which follows the one before it as that stands in the database. */
  verify(from: number): Promise<AuditVerdict>;
}

interface Deps {
  db: Queryable;
  keys: Pick<AuditKeys, 'byId'>;
  head: Pick<AuditHead, 'read'>;
  clock: Pick<Clock, 'monotonicMs'>;
}

const ROWS_AT_A_TIME = 500;
/** Whoever asks is answered in time, and goes on from there. */
const DEFAULT_BUDGET_MS = 5_000;

export function createAuditVerifier(
  { db, keys, head, clock }: Deps,
  { budgetMs = DEFAULT_BUDGET_MS }: { budgetMs?: number } = {},
): AuditVerifier {
  return {
    async verify(from) {
      const deadlineMs = clock.monotonicMs() + budgetMs;
      // Read first: what is written meanwhile is behind it.
      const newest = await head.read();
      const start = from > 1 ? await findAuditRow(db, from - 1) : GENESIS;
      if (start === null) return ended(0, from - 1, removed(from - 1));
      let previous: HeadEntry = start;
      let entries = 0;
      for (;;) {
        const rows = await readAuditRows(db, previous.sequence + 1, ROWS_AT_A_TIME);
        for (const row of rows) {
          const problem = problemOf(keys, previous, row) ?? headProblem(newest, row);
          if (problem !== null) return ended(entries, previous.sequence, problem);
          previous = row;
          entries += 1;
        }
        if (rows.length < ROWS_AT_A_TIME) {
          return ended(entries, previous.sequence, endProblem(newest, previous));
        }
        if (clock.monotonicMs() > deadlineMs) {
          const { sequence } = previous;
          return { entries, verifiedTo: sequence, next: sequence + 1, problem: null };
        }
      }
    },
  };
}

function ended(entries: number, verifiedTo: number, problem: AuditProblem | null): AuditVerdict {
  return { entries, verifiedTo, next: null, problem };
}

function problemOf(
  keys: Pick<AuditKeys, 'byId'>,
  previous: HeadEntry,
  row: AuditRow,
): AuditProblem | null {
  const { sequence, keyId: id, content, mac } = row;
  if (sequence !== previous.sequence + 1) return removed(previous.sequence + 1, sequence - 1);
  const key = keys.byId(id);
  if (key !== null && isSameMac(mac, macOf({ id, key }, previous.mac, row))) return null;
  const written = decodeEntry(content)?.sequence;
  if (written !== undefined && written !== sequence) {
    const message = `entry ${sequence} was written as entry ${written}`;
    return { sequence, kind: 'reordered', message };
  }
  const message = `entry ${sequence} is not what the platform wrote`;
  return { sequence, kind: 'changed', message };
}

/** Of a log that was written anew from some point on, by whoever has the key. */
function headProblem(newest: HeadEntry | null, row: AuditRow): AuditProblem | null {
  if (newest?.sequence !== row.sequence || isSameMac(newest.mac, row.mac)) return null;
  const { sequence } = row;
  const message = `entry ${sequence} is not the one that the data folder remembers`;
  return { sequence, kind: 'changed', message };
}

function endProblem(newest: HeadEntry | null, last: HeadEntry): AuditProblem | null {
  if (newest === null) {
    if (last.sequence === 0) return null;
    const message = 'the file that remembers the newest entry is missing from the data folder';
    return { sequence: last.sequence, kind: 'head-missing', message };
  }
  if (newest.sequence <= last.sequence) return null;
  const sequence = last.sequence + 1;
  const message = `entries ${sequence} to ${newest.sequence} were cut off`;
  return { sequence, kind: 'cut-off', message };
}

function removed(first: number, last = first): AuditProblem {
  const what = first === last ? `entry ${first} is` : `entries ${first} to ${last} are`;
  return { sequence: first, kind: 'removed', message: `${what} missing` };
}
