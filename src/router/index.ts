/**
 * The door: takes every request that comes from outside, refuses what is no clean HTTP, finds by its host name
 * where it belongs, and passes it on: to a function through the pool, or to control or the git front over their
 * sockets.
 *
 * It never touches the database and waits for no other process to route: its table is made from the snapshot
 * alone. It never trusts a header that names a peer. Read door.ts, then route-table.ts and functions/function-exchange.ts.
 */
export { deploymentFault, releaseRunFault } from './check-snapshot.ts';
export { createDoor } from './door.ts';
export { createPostInvocation } from './functions/post-invocation.ts';
export type { DoorDeps } from './ports.ts';
export { readSnapshotFile } from './snapshot-file.ts';
export { HELD_BOUNDS } from './held-answers.ts';
export { type Certificates, createCertificates } from './tls/certificates.ts';
