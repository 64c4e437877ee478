import type { Role } from './role.ts';

/** Whom a token is for: a person, a pipeline, or a function. */
export const TOKEN_KINDS = ['personal', 'ci', 'service'] as const;
export type TokenKind = (typeof TOKEN_KINDS)[number];

/** What a token may do to one app; where `appId` is null, to all apps and the platform itself. */
export type Grant =
  | { appId: string | null; role: Role }
  /** Of a service token: these actions and nothing that a role would add. */
  | { appId: string; actions: readonly string[] };
