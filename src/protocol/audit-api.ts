/**
 * The audit log over the control API.
 *
 *     GET /audit                 → AuditPage, newest first; parameters: actor (id of a token),
 *                              action, since, until (ISO 8601, or how long ago: `90s`, `10m`, `2h`, `7d`), app
 *     GET /apps/:app/audit       → the same of one app
 *     GET /audit/verify?from=    → AuditVerification
 */

export interface AuditEntryView {
  /** From 1 on, without gaps. */
  sequence: number;
  at: string;
  /** `requested` before it is done; one of the others when it has ended, with the same request id. */
  outcome: 'requested' | 'succeeded' | 'failed';
  /** Why it failed; null otherwise. */
  reason: string | null;
  /** `kind` is `platform`, without id and name, or that of the token. */
  actor: { kind: string; id: string | null; name: string | null };
  action: string;
  app: string | null;
  /** What in the app or platform it was done to; null for the app itself. */
  target: string | null;
  /** As the door saw it; null for what the platform did by itself. */
  address: string | null;
  userAgent: string | null;
  requestId: string | null;
  before: Record<string, unknown> | null;
  after: Record<string, unknown> | null;
}

export interface AuditPage {
  items: AuditEntryView[];
  /** The cursor of older entries; null when there are none. */
  next: string | null;
}

export const AUDIT_PROBLEM_KINDS = [
  /** Entries are missing between others. */
  'removed',
  /** It is not what the platform wrote, or the platform never wrote it. */
  'changed',
  /** It was written as another number. */
  'reordered',
  /** The newest are missing. */
  'cut-off',
  /** The file that knows the newest is gone, so nobody can tell whether some are missing. */
  'head-missing',
] as const;

export type AuditProblemKind = (typeof AUDIT_PROBLEM_KINDS)[number];

export interface AuditVerification {
  /** How many entries this call looked at. */
  entries: number;
  /** Of the last entry that was proved; the one before `from` when none was. */
  verifiedTo: number;
  /** Where to go on, with `from`; null at the end, or at a problem. */
  next: number | null;
  problem: {
    /** The first entry that is not as it was written. */
    sequence: number;
    kind: AuditProblemKind;
    message: string;
  } | null;
}
