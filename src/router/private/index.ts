/**
 * Private hosts: who comes without the secret of a share link is told so, and nothing else (docs/decisions/0036). The
 * route table puts the lock before each host (lock.ts); the door asks it first (admit.ts), and again while it answers (visits.ts); secrets are taken out of
 * requests where they are read (share-fields.ts), so that no function ever has one.
 */
export { admit } from './admit.ts';
export { type Lock, lockOf, lockOfUnknown } from './lock.ts';
export { NO_SECRETS, SHARE_HEADER, takeShareCookies, withSecret } from './share-fields.ts';
export { createVisits } from './visits.ts';
