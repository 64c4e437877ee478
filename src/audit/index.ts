/**
 * Who changed what, from where, and how it ended: a log that is only ever added to. Each entry is authenticated together
 * with the one before it by a key that the database holds encrypted, and the newest is remembered in a file beside the
 * database, so that whoever has the database alone can neither change an entry nor leave one out unseen. It decides
 * nothing, and is told no secret: callers name what may be written. Read audit-entry.ts for what an entry says,
 * audit-chain.ts for how it is bound, audit-log.ts for how it is written, verify-audit.ts for how it is proved.
 */
export { createAuditHead } from './audit-head.ts';
export type { AuditActor, AuditContent, AuditDetails, AuditEvent } from './audit-entry.ts';
export { openAuditKeys } from './audit-keys.ts';
export { createAuditLog, type Audit, type AuditOperation } from './audit-log.ts';
export { createAuditVerifier, type AuditVerifier } from './verify-audit.ts';
export { createAuditReader, type AuditReader, type ReadEntry } from './read-audit.ts';
