/** What the proof of the audit log may find. */
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
