/**
 * Who may do what: tokens, and the one decision `can`. It knows nothing of HTTP or git; callers turn its errors into
 * answers. It never returns a token's text after creation, and stores only a hash. Read next: can.ts, access.ts.
 */
export { createAccess, type Access } from './access.ts';
export type { Actor } from './authorise.ts';
export type { PolledLogin } from './device-logins.ts';
export type { OidcSettings } from './oidc-logins.ts';
export { can, type Action } from './can.ts';
